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
const COUNT_AGAIN_MS = 15000;
const AT_WORK_MS = 60000;
const LONGEST_WAIT_MS = 3600000; // a page that nobody looks at asks for nothing any more

let shown = null; // the item on screen: { lease, html, lasts, expires }, times in ms; isAgain after an undo
let ahead = []; // items that are leased and wait to be shown
let outbox = [];
let canStore = true; // false where the browser lets nothing be stored: then the outbox lives as long as the page
const dealtWith = new Set(); // leases that something was said under: an answer that comes late must not show them again
let saidBefore = new Set(); // keys of what was said before the last refusal was told
let sending = false;
let asking = false;
let askedAt = 0;
let looks = 0; // how often was looked since there was something
let nSaid = 0; // on this page and not taken back: so the item on screen has a number, by which screen readers tell it
let counted = { done: Number($("counts").dataset.done), left: Number($("counts").dataset.left) };
const doneAtFirst = counted.done;
let countedAt = Date.now();
let shownAt = 0;
let activeAt = Date.now();
const WIDE = { tabindex: "0", role: "group", "aria-label": "Wide text, scrolls sideways" };
const WHY = { flag: "note", exclude: "reason" }; // dialogs, and the field of each
const isLow = matchMedia("(max-height: 30rem)"); // then nothing sticks to the screen's edges: see the style sheet
let guideOpen = matchMedia("(min-width: 68rem)").matches;

// ---------------------------------------------------------------------------------------------------- the server

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
  });
  const data = await answer.json().catch(() => ({}));
  return { ok: answer.ok, status: answer.status, ...data };
}

const passes = (status) => status >= 500 || status === 429;
const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Post until the server answers for good; tell the reviewer while it does not. */
async function persist(path, body) {
  for (let attempt = 0; ; attempt++) {
    let answer;
    try {
      answer = await post(path, body());
    } catch {
      answer = { ok: false, status: 0 };
    }
    if (answer.status === 401 || answer.error === "csrf") tellSignedOut();
    else if (answer.status === 0 || passes(answer.status)) tellUnreachable(answer);
    else {
      hideTrouble("connection");
      return answer;
    }
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
    const body = () => ({
      ...entry,
      holding: inSight().filter((lease) => lease !== entry.lease),
      want: entry.task === task && ahead.length === 0,
    });
    let answer = await persist(entry.act === "undo" ? "/api/undo" : "/api/answer", body);
    if (answer.error === "lease_expired" && (await persist("/api/renew", () => ({ lease: entry.lease }))).ok) {
      answer = await persist("/api/answer", body);
    }
    // Another tab may have taken entries from the shared outbox or added some.
    keepOutbox(read().filter((each) => each.key !== entry.key));
    count(answer.progress);
    if (!answer.ok) tellRefused(entry, answer);
    else {
      if (!saidBefore.has(entry.key)) hideTrouble("refused");
      if (entry.act === "undo") showUndone(answer);
    }
    if (answer.next) take(answer.next);
    isOver = answer.next === null && !ahead.length;
  }
  sending = false;
  if (!shown || (!ahead.length && !isOver)) ask();
}

const read = () => (canStore ? JSON.parse(recall(OUTBOX) ?? "[]") : outbox);

function keepOutbox(entries) {
  outbox = entries;
  canStore = keep(OUTBOX, entries.length ? JSON.stringify(entries) : "");
}

/** Keep a text in the browser, or nothing where it is empty; tells whether that worked. */
function keep(name, text) {
  try {
    if (text) localStorage.setItem(name, text);
    else localStorage.removeItem(name);
    return true;
  } catch {
    return false;
  }
}

function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
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
  else if (!answer.ok) tell("bad", "The next item can't be fetched.", answer.message ?? "", "next");
  if (isIdle()) {
    await lookHowFar();
    if (isIdle()) showEmpty();
  }
  if (shown && !ahead.length && answer.next) ask();
}

const isIdle = () => !shown && !outbox.length && !ahead.length;

/** Fetch how far the queue is, and what there is to say when nothing is left. */
async function lookHowFar() {
  const began = (countedAt = Date.now());
  const answer = await fetch(`/api/progress?task=${task}`).catch(() => null);
  const progress = answer?.ok ? await answer.json().catch(() => null) : null;
  if (!progress) return;
  if (countedAt === began) count(progress); // else something newer came meanwhile
  if ($("ending").dataset.html === progress.empty) return;
  const hadFocus = $("ending").contains(document.activeElement);
  $("ending").dataset.html = progress.empty;
  $("ending").innerHTML = trusted(progress.empty);
  if (hadFocus) $("ending").querySelector("h1").focus();
}

// ----------------------------------------------------------------------------------------------------- the screen

/** Show how far the queue is: as the server counted, and with what it has not got yet. */
function count(progress = counted) {
  if (progress !== counted) countedAt = Date.now();
  counted = progress;
  const waiting = outbox.filter((each) => each.act === "label" && each.task === task).length;
  const done = counted.done + waiting;
  const left = Math.max(counted.left - waiting, 0);
  $("progress").max = Math.max(done + left, 1);
  $("progress").value = done;
  const { one, many } = $("counts").dataset;
  $("counts").textContent = left === 1 ? one : many.replace("#", left.toLocaleString("en"));
  const forecast = $("forecast");
  if (!forecast) return;
  // It counts down by the labels that are in, and follows the gate when the page is opened anew: a number that jumped
  // after a label would tell what the judge had said.
  const needed = Math.ceil((Number(forecast.dataset.needed) - Math.max(done - doneAtFirst, 0)) / 10) * 10;
  forecast.hidden = needed <= 0 || left === 0;
  forecast.textContent = forecast.dataset.words.replace("#", needed.toLocaleString("en"));
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
  shownAt = performance.now();
  $("stage").innerHTML = trusted(view.html);
  settle();
  if (isLow.matches) $("stage").scrollIntoView();
  else scrollTo(0, 0);
  $("item-title").focus({ preventScroll: true });
  if (view.expires - Date.now() < view.lasts / 2) takeUpAgain();
}

/** Make what was just put on the stage work: choices into the dock, guidelines as they were. */
function settle() {
  watchWidths($("stage"));
  $("verdict").replaceChildren($("choices").content.cloneNode(true));
  $("waiting").hidden = $("empty").hidden = true;
  $("stage").hidden = false;
  delete $("dock").dataset.idle;
  $("item-number").textContent = `${nSaid + 1}${shown.isAgain ? ", again" : ""}`;
  const guide = $("guidelines");
  if (guide) {
    guide.open = guideOpen;
    guide.addEventListener("toggle", () => (guideOpen = guide.open));
  }
}

// A keyboard reaches what scrolls sideways, and nothing more has to be passed on the way to the buttons.
const widths = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    const isWide = target.scrollWidth > target.clientWidth;
    for (const [name, value] of Object.entries(WIDE)) {
      if (isWide) target.setAttribute(name, value);
      else target.removeAttribute(name);
    }
  }
});

function watchWidths(place) {
  for (const block of place.querySelectorAll("pre")) widths.observe(block);
}

function showNext() {
  shown = null;
  hideTrouble("lease");
  const next = ahead.shift();
  if (next) return show(next);
  $("stage").hidden = true;
  $("stage").replaceChildren();
  $("verdict").replaceChildren();
  $("dock").dataset.idle = "";
  $("waiting").hidden = false;
}

function showEmpty() {
  $("waiting").hidden = true;
  if (!$("empty").hidden) return;
  $("empty").hidden = false;
  $("ending").querySelector("h1").focus();
}

function showUndone(answer) {
  say(`Taken back: ${answer.undone}.`);
  if (!answer.view) {
    say(`Taken back: ${answer.undone}. The item is not free any more.`);
    return;
  }
  if (shown?.lease === answer.view.lease) return;
  ahead = ahead.filter((each) => each.lease !== answer.view.lease);
  if (shown) ahead.unshift(shown);
  shown = null;
  nSaid = Math.max(nSaid - 1, 0);
  take({ ...answer.view, isAgain: true });
}

const say = (words) => ($("said").textContent = words);

// What was not counted has a box of its own: it hides no news of the connection, nor that it.
const boxOf = (about) => $(about === "refused" ? "refused" : "trouble");

function tell(kind, what, details, about, button, onPress) {
  const box = boxOf(about);
  if (box.dataset.about === about && box.dataset.what === what + details) return;
  Object.assign(box.dataset, { about, what: what + details });
  box.className = `trouble ${kind}`;
  const strong = document.createElement("strong");
  strong.textContent = what;
  box.replaceChildren(strong, ` ${details}`);
  if (button) {
    const press = document.createElement("button");
    press.className = "act";
    press.textContent = button;
    press.addEventListener("click", onPress);
    box.append(press);
  }
  box.hidden = false;
}

function hideTrouble(about) {
  const box = boxOf(about);
  if (box.dataset.about !== about) return;
  box.hidden = true;
  box.dataset.about = "";
}

const kept = () =>
  outbox.length ? `${outbox.length === 1 ? "What you said last is" : `Your last ${outbox.length} are`} kept here and will be sent.` : "";

function tellUnreachable(answer) {
  const what = answer.status === 0 ? "The server can't be reached." : (answer.message ?? "The server has trouble.");
  tell("warn", what, `${kept()} Trying again …`, "connection");
}

function tellSignedOut() {
  const signIn = () => open("/sign-in", "_blank", "noopener");
  tell("warn", "You are signed out.", `${kept()} Sign in, then reload this page.`, "connection", "Sign in", signIn);
}

function tellRefused(entry, answer) {
  if (entry.act === "undo") return say(answer.message);
  hideTrouble("refused");
  saidBefore = new Set(outbox.map((each) => each.key));
  const close = () => hideTrouble("refused");
  tell("bad", `Not counted: ${entry.words}.`, answer.message, "refused", "Close", close);
}

// ------------------------------------------------------------------------------------------------- what they say

function act(kind, words, { value, note } = {}) {
  if (!shown || performance.now() - shownAt < SHORTEST_LOOK_MS) return;
  const { lease } = shown;
  say(`${words[0].toUpperCase()}${words.slice(1)}.`);
  dealtWith.add(lease);
  nSaid++;
  looks = 0;
  put({ act: kind, lease, words, value, note });
  showNext();
  flush();
}

function undo() {
  put({ act: "undo", words: "undo" });
  flush();
}

/** Keep what was said until the server has it. */
function put(said) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  keepOutbox([...read(), { key, task, ...said }]);
  count();
}

const label = (button) =>
  act("label", `labelled ${button.querySelector("b").textContent}`, { value: JSON.parse(button.dataset.value) });

/** Open the dialog in which an item is flagged, or excluded, with words on why. */
function openDialog(kind) {
  if (!shown || (kind === "flag") !== (task === "label")) return;
  $(WHY[kind]).value = $(kind).returnValue = "";
  $(kind).showModal();
}

function toggleGuide() {
  const guide = $("guidelines");
  if (!guide) return;
  guide.open = !guide.open;
  if (guide.open) guide.scrollIntoView({ block: "nearest" });
}

async function renew(view) {
  view.renewing = true;
  const answer = await persist("/api/renew", () => ({ lease: view.lease }));
  view.renewing = false;
  if (answer.ok) Object.assign(view, lasting(answer.expires_in_s));
  return answer;
}

async function takeUpAgain() {
  const view = shown;
  const answer = await renew(view);
  if (shown !== view) return;
  hideTrouble("lease");
  if (answer.ok) return;
  say(answer.message);
  showNext();
  if (!shown) ask();
}

/** Once in a while: keep the items of a reviewer who is at work, and say when a lease has run out. */
function watch() {
  const now = Date.now();
  if (!shown) {
    const pause = LOOK_AGAIN_MS[Math.min(looks, LOOK_AGAIN_MS.length - 1)];
    if (outbox.length || now - askedAt < pause || now - activeAt > LONGEST_WAIT_MS) return;
    looks++;
    ask();
    return;
  }
  if (now - countedAt > COUNT_AGAIN_MS && now - activeAt < AT_WORK_MS) lookHowFar();
  if (shown.expires <= now) {
    const details = "Your label still counts if nobody else has taken the item up.";
    tell("warn", "Your time for this item ran out.", details, "lease", "Take it up again", takeUpAgain);
    return;
  }
  for (const view of [shown, ...ahead]) {
    const isAtWork = now - activeAt < view.lasts / 2;
    if (isAtWork && !view.renewing && view.expires - now < view.lasts / 2) renew(view);
  }
}

// ----------------------------------------------------------------------------------------------------------- input

const keysOn = () => recall("steelyard keys") !== "off";

/** The key that is meant: digits also where they need Shift, letters also where the layout has others in their place. */
function meant(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !event.shiftKey) return digit[1];
  if (event.key.length > 1) return event.key;
  return /[ -~]/.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
}

document.addEventListener("keydown", (event) => {
  activeAt = Date.now();
  const field = event.target.closest?.("textarea, input, select");
  if (field || event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
  if (event.key === "?") return $("help").showModal();
  if (!keysOn()) return;
  if (/^Arrow/.test(event.key) && event.target.matches?.("pre[tabindex]")) return; // there it scrolls
  const wanted = meant(event);
  const choice = [...document.querySelectorAll("#verdict .choice")].find((each) =>
    each.dataset.keys.split(" ").includes(wanted),
  );
  const acts = { s: () => act("skip", "skipped"), f: () => openDialog("flag"), x: () => openDialog("exclude"), z: undo, g: toggleGuide };
  if (choice) label(choice);
  else if (acts[wanted]) acts[wanted]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  activeAt = Date.now();
  const button = event.target.closest("button");
  if (!button) return;
  const kind = button.dataset.act;
  if (button.matches("#verdict .choice")) label(button);
  else if (kind === "skip") act("skip", "skipped");
  else if (kind === "undo") undo();
  else if (kind in WHY) openDialog(kind);
  else if (button.id === "open-help") $("help").showModal();
  else if (button.id === "look-again") ask();
});

for (const moved of ["pointermove", "wheel", "touchstart"])
  document.addEventListener(moved, () => (activeAt = Date.now()), { passive: true });

$("verdict").addEventListener("submit", (event) => event.preventDefault());
for (const [kind, field] of Object.entries(WHY)) {
  const isGiven = () => !$(field).required || $(field).value.trim();
  $(field).addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // the first button of a form is what Enter presses, and that is Cancel
    if (isGiven()) $(kind).close(kind);
    else $(field).reportValidity();
  });
  $(kind).addEventListener("close", () => {
    const words = { flag: "flagged", exclude: "excluded" }[kind];
    if ($(kind).returnValue === kind && isGiven()) act(kind, words, { note: $(field).value.trim() });
  });
}
$("single-keys").checked = keysOn();
$("single-keys").addEventListener("change", (event) =>
  keep("steelyard keys", event.target.checked ? "" : "off"),
);
addEventListener("beforeunload", (event) => $("trouble").dataset.about === "connection" && event.preventDefault());
addEventListener("online", () => flush());
setInterval(watch, 1000);

// ----------------------------------------------------------------------------------------------------------- start

const first = $("stage").dataset;
outbox = read();
if (outbox.length) {
  showNext(); // what the server put on the page may be in the outbox
  flush();
  count();
} else if (first.lease) {
  shown = { lease: first.lease, html: $("stage").innerHTML, ...lasting(Number(first.expires)) };
  shownAt = performance.now();
  settle();
  ask();
}
