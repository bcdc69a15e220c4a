// The queue in the browser. What a reviewer says goes into the outbox, which outlives the page, and the next item, which
// is here already, is shown at once. The outbox is sent in order, each entry under a key of its own until the server has
// it: sent twice, it counts once.

const { csrf, reviewer, task } = document.body.dataset;
const $ = (id) => document.getElementById(id);
// The HTML comes from this server's templates alone, which escape all that a model or a person wrote.
const policy = window.trustedTypes?.createPolicy("steelyard", { createHTML: (html) => html });
const trusted = (html) => (policy ? policy.createHTML(html) : html);

const OUTBOX = `steelyard outbox ${reviewer}`;
const SHORTEST_LOOK_MS = 150; // a key that bounces must not label an item that nobody has seen
const PAUSES_MS = [250, 500, 1000, 2000, 4000];
const LOOK_AGAIN_MS = [1000, 2000, 4000, 8000, 15000]; // a gate may be decided, or draw more, right after a label
const LONGEST_WAIT_MS = 3600000; // a page that nobody looks at asks for nothing any more

let marks = []; // passages of the answers: { place, text, range }
let shown = null; // the item on screen: { lease, html, lasts, expires }, times in ms; isAgain after an undo
let ahead = []; // items that are leased and wait to be shown
let outbox = [];
let canStore = true; // false where the browser lets nothing be stored: then the outbox lives as long as the page
const dealtWith = new Set(); // leases that something was said under: an answer that comes late must not show them again
let sending = false, asking = false, askedAt = 0, shownAt = 0, refusedAt = 0;
let looks = 0; // how often was looked since there was something
let nActs = 0; // on this page and not taken back: so the item on screen has a number, by which screen readers tell it
let activeAt = Date.now();
let guideOpen = matchMedia("(min-width: 68rem)").matches;

const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Post until the server answers for good; tell the reviewer while it does not. */
async function persist(path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  for (let attempt = 0; ; attempt++) {
    let status = 0, data = {};
    try {
      const sent = { method: "POST", headers, body: JSON.stringify(body()), signal: AbortSignal.timeout(15000) };
      const answer = await fetch(path, sent);
      data = await answer.json().catch(() => ({}));
      status = answer.status;
    } catch {} // the status stays 0
    const isOut = status === 401 || data.error === "csrf";
    if (!isOut && status && status < 500 && status !== 429) {
      hide("trouble", "connection");
      return { ok: status < 300, ...data };
    }
    const what = isOut ? "You are signed out." : status ? (data.message ?? "The server has trouble.") : "The server can't be reached.";
    const then = isOut ? "Sign in, then reload this page." : "Trying again …";
    tell("trouble", isOut ? "warn signed-out" : "warn", what, `${kept()} ${then}`, "connection");
    await nap(PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]);
  }
}

const inSight = () => [shown, ...ahead, ...outbox].map((each) => each?.lease).filter(Boolean);

async function flush() {
  if (sending) return;
  sending = true;
  let isOver = false;
  while (outbox.length) {
    const entry = outbox[0];
    const holding = () => inSight().filter((lease) => lease !== entry.lease);
    const body = () => ({ ...entry, holding: holding(), want: entry.task === task && !ahead.length });
    let answer = await persist(entry.act === "undo" ? "/api/undo" : "/api/answer", body);
    if (answer.error === "lease_expired" && (await persist("/api/renew", () => ({ lease: entry.lease }))).ok)
      answer = await persist("/api/answer", body);
    // Another tab may have taken entries from the shared outbox or added some.
    keepOutbox(read().filter((each) => each.key !== entry.key));
    count(answer.progress);
    if (answer.ok && entry.at > refusedAt) hide("refused");
    if (entry.act === "undo") answer.ok ? showUndone(answer) : say(answer.message);
    else if (!answer.ok) tellRefused(entry, answer);
    if (answer.next) take(answer.next);
    isOver = answer.next === null && !ahead.length;
  }
  sending = false;
  if (!shown || (!ahead.length && !isOver)) ask();
}

/** What the browser keeps under a name, or a text to be kept there; null where it lets nothing be stored. */
function stored(name, text) {
  try {
    if (text !== undefined) localStorage.setItem(name, text);
    return localStorage.getItem(name) ?? "";
  } catch {
    return null;
  }
}

const read = () => (canStore ? JSON.parse(stored(OUTBOX) || "[]") : outbox);

function keepOutbox(entries) {
  outbox = entries;
  canStore = stored(OUTBOX, entries.length ? JSON.stringify(entries) : "") !== null;
}

/** Fetch an item to show, or the one after it. */
async function ask() {
  if (asking || sending) return;
  asking = true;
  askedAt = Date.now();
  const answer = await persist("/api/next", () => ({ task, holding: inSight() }));
  asking = false;
  count(answer.progress);
  if (answer.ok && answer.next) take(answer.next);
  else if (!answer.ok) tell("trouble", "bad", "The next item can't be fetched.", answer.message ?? "", "next");
  if (!shown && !outbox.length && answer.ok) showEnding(answer.empty);
  if (shown && !ahead.length && answer.next) ask();
}

/** Show what there is to say when nothing is left. */
function showEnding(html) {
  const ending = $("ending");
  if (!$("empty").hidden && ending.dataset.html === html) return;
  ending.dataset.html = html;
  ending.innerHTML = trusted(html);
  $("waiting").hidden = true;
  $("empty").hidden = false;
  ending.querySelector("h1").focus();
}

/** Show how far the queue is, as the server counted. */
function count(progress) {
  if (progress) $("how-far").innerHTML = trusted(progress.html);
}

const lasting = (seconds) => ({ lasts: seconds * 1000, expires: Date.now() + seconds * 1000 });

function take(next) {
  if (dealtWith.has(next.lease) || inSight().includes(next.lease)) return;
  const view = { ...next, ...lasting(next.expires_in_s) };
  if (shown) ahead.push(view);
  else show(view);
}

function show(view) {
  shown = view;
  $("stage").innerHTML = trusted(view.html);
  settle();
  if (matchMedia("(max-height: 30rem)").matches) $("stage").scrollIntoView(); // nothing sticks there: see the style sheet
  else scrollTo(0, 0);
  $("item-title").focus({ preventScroll: true });
  if (view.expires - Date.now() < view.lasts / 2) renew(view);
}

/** Make what was just put on the stage work: choices into the dock, guidelines as they were. */
function settle() {
  shownAt = performance.now();
  $("comment").value = "";
  highlight([]);
  $("verdict").replaceChildren($("choices").content.cloneNode(true));
  $("waiting").hidden = $("empty").hidden = true;
  $("stage").hidden = false;
  delete $("dock").dataset.idle;
  $("item-number").textContent = `${nActs + 1}${shown.isAgain ? ", again" : ""}`;
  const guide = $("guidelines");
  if (!guide) return;
  guide.open = guideOpen;
  guide.addEventListener("toggle", () => (guideOpen = guide.open));
}

function showNext() {
  shown = null;
  hide("trouble", "lease");
  if (ahead.length) return show(ahead.shift());
  $("stage").hidden = true;
  $("stage").replaceChildren();
  $("verdict").replaceChildren();
  $("dock").dataset.idle = "";
  $("waiting").hidden = false;
}

function showUndone({ undone, view }) {
  say(`Taken back: ${undone}.${view ? "" : " The item is not free any more."}`);
  if (!view || shown?.lease === view.lease) return;
  ahead = ahead.filter((each) => each.lease !== view.lease);
  if (shown) ahead.unshift(shown);
  shown = null;
  nActs = Math.max(nActs - 1, 0);
  take({ ...view, isAgain: true });
}

const say = (words) => ($("said").textContent = words);

// What was not counted has a box of its own: it hides no news of the connection, nor that it.
function tell(place, kind, what, details, about) {
  const box = $(place), [strong, words] = box.children;
  if (box.dataset.about === about && strong.textContent + words.textContent === what + details) return;
  box.dataset.about = about;
  box.className = `trouble ${kind}`;
  strong.textContent = what;
  words.textContent = details;
  box.hidden = false;
}

function hide(place, about = place) {
  if ($(place).dataset.about === about) Object.assign($(place), { hidden: true }).dataset.about = "";
}

function kept() {
  if (!outbox.length) return "";
  return `${outbox.length === 1 ? "What you said last is" : `Your last ${outbox.length} are`} kept here and will be sent.`;
}

function tellRefused(entry, answer) {
  hide("refused");
  refusedAt = Date.now();
  tell("refused", "bad", `Not counted: ${entry.words}.`, answer.message, "refused");
}

/** Press a choice. When every question of the form has its answer, that is sent. */
function pick(button) {
  if (performance.now() - shownAt < SHORTEST_LOOK_MS) return;
  const field = button.closest("fieldset");
  for (const each of field.querySelectorAll(".choice")) each.setAttribute("aria-pressed", each === button);
  const name = (each) => each.querySelector("b").textContent;
  unanswered()?.scrollIntoView({ block: "nearest" });
  if (unanswered()) return say(`${field.querySelector("legend").textContent}: ${name(button)}.`);
  const [[, value], ...others] = fields().map((each) => [each.dataset.question, JSON.parse(pressed(each).dataset.value)]);
  act("label", `labelled ${name(pressed(fields()[0]))}`, value, Object.fromEntries(others));
}

const fields = () => [...document.querySelectorAll("#verdict fieldset")];
const pressed = (field) => field.querySelector('[aria-pressed="true"]');
const unanswered = () => fields().find((each) => !pressed(each));

/** Mark the passage of an answer that is selected; one that is marked already no more. */
function mark() {
  const selection = getSelection(), text = `${selection}`.trim();
  const range = text && selection.getRangeAt(0).cloneRange();
  const place = [...document.querySelectorAll(".item .answer")].findIndex((each) => range && each.contains(range.commonAncestorContainer));
  if (place < 0) return say("Select a passage of an answer, then mark it.");
  const others = marks.filter((each) => each.place !== place || each.text !== text);
  highlight(others.length < marks.length ? others : [...marks, { place, text, range }]);
  selection.removeAllRanges();
  say(`${marks.length} ${marks.length === 1 ? "passage is" : "passages are"} marked.`);
}

function highlight(wanted) {
  marks = wanted;
  if (window.Highlight) CSS.highlights.set("marks", new Highlight(...marks.map((each) => each.range)));
}

function act(kind, words, value, answers = {}) {
  if (!shown || performance.now() - shownAt < SHORTEST_LOOK_MS) return;
  const { lease } = shown;
  say(`${words[0].toUpperCase()}${words.slice(1)}.`);
  dealtWith.add(lease);
  nActs++;
  looks = 0;
  put({ act: kind, lease, words, value, note: $("comment").value.trim(), answers, marks: marks.map(({ place, text }) => [place, text]) });
  showNext();
  flush();
}

/** Keep what was said until the server has it. */
function put(entry) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  keepOutbox([...read(), { key, task, at: Date.now(), ...entry }]);
}

const ACTS = {
  skip: () => act("skip", "skipped"),
  undo: () => (put({ act: "undo", words: "undo" }), flush()),
  flag: () => act("flag", "flagged"),
  mark,
  exclude() {
    if ($("comment").value.trim()) return act("exclude", "excluded");
    say("Write in the comment what is broken, then exclude it.");
    $("comment").focus();
  },
  comment: () => shown && $("comment").focus(),
  help: () => $("help").showModal(),
  look: () => ask(),
  close: () => hide("refused"),
  guide() {
    const guide = $("guidelines");
    if (!guide) return;
    guide.open = !guide.open;
    if (guide.open) guide.scrollIntoView({ block: "nearest" });
  },
};

/** Keep an item for longer; where somebody else has it by now, the next one is shown. */
async function renew(view) {
  view.renewing = true;
  const answer = await persist("/api/renew", () => ({ lease: view.lease }));
  view.renewing = false;
  if (shown === view) hide("trouble", "lease");
  if (answer.ok) Object.assign(view, lasting(answer.expires_in_s));
  else if (shown === view) {
    say(answer.message);
    showNext();
    if (!shown) ask();
  }
}

/** Once in a while: keep the items of a reviewer who is at work, and say when a lease has run out. */
function watch() {
  const now = Date.now();
  if (!shown) {
    const pause = LOOK_AGAIN_MS[Math.min(looks, LOOK_AGAIN_MS.length - 1)];
    if (outbox.length || now - askedAt < pause || now - activeAt > LONGEST_WAIT_MS) return;
    looks++;
    return ask();
  }
  const isAtWork = (view) => now - activeAt < view.lasts / 2;
  if (shown.expires <= now && !isAtWork(shown)) {
    const details = "Your label still counts if nobody else has taken the item up.";
    tell("trouble", "warn", "Your time for this item ran out.", details, "lease");
  }
  for (const view of [shown, ...ahead])
    if (isAtWork(view) && !view.renewing && view.expires - now < view.lasts / 2) renew(view);
}

/** The key that is meant: digits also where they need Shift, letters also where the layout has others in their place. */
function meant(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  if (event.key.length > 1) return event.key;
  return /[ -~]/.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
}

const KEYS = { s: "skip", z: "undo", g: "guide", c: "comment", m: "mark", ...(task === "label" ? { f: "flag" } : { x: "exclude" }) };

document.addEventListener("keydown", (event) => {
  activeAt = Date.now();
  if (event.target === $("comment") && ["Enter", "Escape"].includes(event.key)) return $("item-title").focus();
  const field = event.target.closest?.("textarea, input, select");
  if (field || event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
  if (event.key === "?") return ACTS.help();
  if (!$("single-keys").checked) return;
  if (/^Arrow/.test(event.key) && event.target.matches?.("pre")) return; // there it scrolls
  const wanted = meant(event);
  const choices = [...(unanswered()?.querySelectorAll(".choice") ?? [])];
  const choice = choices.find((each) => each.dataset.keys.split(" ").includes(wanted));
  if (choice) pick(choice);
  else if (KEYS[wanted]) ACTS[KEYS[wanted]]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  activeAt = Date.now();
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches("#verdict .choice")) pick(button);
  else if (button.dataset.act) ACTS[button.dataset.act]();
});

document.addEventListener("pointerdown", (event) => event.target.closest("[data-act=mark]") && event.preventDefault()); // keeps the selection

for (const moved of ["pointermove", "wheel", "touchstart"])
  document.addEventListener(moved, () => (activeAt = Date.now()), { passive: true });

$("verdict").addEventListener("submit", (event) => event.preventDefault());
$("single-keys").checked = stored("steelyard keys") !== "off";
$("single-keys").addEventListener("change", (event) => stored("steelyard keys", event.target.checked ? "" : "off"));
addEventListener("beforeunload", (event) => $("trouble").dataset.about === "connection" && event.preventDefault());
addEventListener("online", () => flush());
setInterval(watch, 1000);

outbox = read();
if (outbox.length) {
  showNext(); // what the server put on the page may be in the outbox
  flush();
} else if ($("stage").dataset.lease) {
  shown = { lease: $("stage").dataset.lease, html: $("stage").innerHTML, ...lasting(Number($("stage").dataset.expires)) };
  settle();
  ask();
}
