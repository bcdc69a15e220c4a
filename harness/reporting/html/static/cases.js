// ---------------------------------------------------------------------------------------------------------- the cases

const FIRST_FRAME = 12; // cases drawn before the page shows; the others of the first ones follow at once
const FIRST_CASES = 50;
const MORE_CASES = 200;
const MOST_FILES = 4; // loaded for the questions and answers of a list
const anySame = ENTRIES.some((entry) => entry.aim === "same"); // whose cases get neither worse nor better
const isHigherBetter = ENTRIES.every((entry) => entry.higher_is_better);
const [WORSE, BETTER] = isHigherBetter ? ["scored lower", "scored higher"] : ["scored worse", "scored better"];
const hasBaseline = (each) => (each.baseline ?? null) !== null;
const isWrong = (each) => !each.entry.baseline && each.candidate !== null && !each.entry.unit && each.candidate < 1;
const isWorse = (each) => (hasBaseline(each) && each.candidate !== null ? each.gain < 0 : isWrong(each));
const KINDS = {
  "": ["all", () => true],
  worse: [anySame ? `${WORSE} or differ` : WORSE, (each) => hasBaseline(each) && each.gain < 0],
  wrong: ["not always right", isWrong],
  better: [BETTER, (each) => hasBaseline(each) && each.gain > 0],
  flipped: ["flipped", (each) => isFlipped(each)],
  flaky: ["flaky", (each) => each.state === "flaky"],
  broken: ["broken", (each) => each.state === "broken"],
  stable: ["stable", (each) => each.state === "stable"],
  labelled: ["labelled by people", (each) => each.labelled],
  "not counted": ["not counted", (each) => !each.isCounted],
};

const place = { words: "", state: "", of: "", slice: "" }; // what the list is narrowed to; the address has it, too
let listed = []; // the cases that the filter leaves, the worst first
let shown = FIRST_FRAME;
let searched = 0; // counts searches: an older one that is still loading stops
let note = "";

/** From right more often than not to wrong more often than not, or the other way round. */
const isFlipped = (each) =>
  hasBaseline(each) && each.candidate !== null && !each.entry.unit && each.baseline >= 0.5 !== each.candidate >= 0.5;

const PRESENT = new Set(Object.keys(KINDS).filter((kind) => !kind || CASES.some(KINDS[kind][1])));

/** Whether a case has the words in its id or in an answer, once its details are loaded. */
function matches(each, words) {
  if (!words || each.id.toLowerCase().includes(words)) return true;
  const known = knownOf(each);
  if (!known) return false;
  known.sought ??= known.bodies.map((body) => body.answer ?? "").join("\n").toLowerCase();
  return known.sought.includes(words);
}

const named = ({ id, name, requirement }) =>
  place.words && `${id} ${name} ${requirement ?? ""}`.toLowerCase().includes(place.words.toLowerCase());

function narrow() {
  const isOf = (KINDS[place.state] ?? KINDS[""])[1];
  const words = place.words.trim().toLowerCase();
  const isInSlice = ({ entry, slices }) => slices?.some((number) => entry.slices[number].words.name === place.slice);
  listed = CASES.filter(
    (each) =>
      (!place.of || each.entry.name === place.of) && isOf(each) && (!place.slice || isInSlice(each)) && matches(each, words),
  ).sort((one, other) => (one.gain ?? Infinity) - (other.gain ?? Infinity) || 0);
}

/** Narrow the list: by ids at once, by answers as their files come in. */
async function filter(more, message = "") {
  Object.assign(place, more);
  [shown, note] = [FIRST_CASES, message];
  const own = ++searched;
  narrow();
  keepAddress();
  draw();
  if (place.words.trim().length < 2) return void fetchShown();
  for (let number = 1; number <= DATA.page.n_files; number++) {
    if (own === searched && number % 4 === 1) showNote(`searching answers: ${number - 1} of ${plural(DATA.page.n_files, "file")}`);
    const problem = await load(number).then(() => "", (error) => error.message);
    if (own !== searched) return;
    if (number === DATA.page.n_files || problem) {
      narrow();
      showNote(problem);
    }
    if (problem) return;
  }
}

function showNote(message) {
  note = message;
  draw();
}

/** Load what the first cases of the list were asked and answered. */
async function fetchShown() {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); // what is there shows first
  if (shown < FIRST_CASES) {
    shown = FIRST_CASES;
    draw();
  }
  const files = new Set(listed.slice(0, shown).map((each) => each.file).filter((file) => file && !loading.has(file)));
  for (const file of [...files].sort((one, other) => one - other).slice(0, MOST_FILES))
    if (!(await load(file).then(() => draw() ?? true, () => false))) return;
}

const showCases = (more) => {
  filter({ words: "", state: "", of: "", slice: "", ...more });
  $("cases").scrollIntoView();
  $("case-list").querySelector(".case")?.focus({ preventScroll: true });
};

/** What a case was asked last, and the candidate's worst answer to it; nothing where its file is not loaded. */
function excerpt(each) {
  const known = knownOf(each);
  if (!known) return null;
  const scoreOf = (body) => body.scores.find(({ metric }) => metric === each.entry.metric)?.value ?? Infinity;
  const own = known.bodies.filter((body) => body.role === "candidate" && body.answer !== undefined);
  const sign = each.entry.higher_is_better ? 1 : -1;
  const worst = own.reduce((one, other) => (sign * (scoreOf(other) - scoreOf(one)) < 0 ? other : one), own[0]);
  const question = known.asked[worst?.asked ?? 0]?.at(-1)?.text ?? "";
  const answer = worst ? worst.answer || (worst.calls ?? []).map(({ name }) => `tool call: ${name}`).join(", ") : "";
  return { question: question.slice(0, 200), answer: answer.slice(0, 200) };
}

function CaseRow({ each }) {
  const texts = excerpt(each);
  return html`<li>
    <button class="stop case" type="button" onClick=${() => openCase(each, listed)}>
      <span class="case-what">
        <span class="case-id" dir="auto">${each.id}</span>
        ${several && html`<span class="soft case-of" dir="auto">${each.entry.name}</span>`}
      </span>
      <span class="case-text" dir="auto">
        ${texts && html`<span class="soft">${texts.question}</span><span class="case-answer">${texts.answer}</span>`}
      </span>
      <span class="scores">${scoresOf(each)}</span>
      <span class="state ${each.state.replace(" ", "-")}">${each.state}</span>
    </button>
  </li>`;
}

function Filters() {
  const option = (value, label, chosen) => html`<option value=${value} selected=${value === chosen}>${label}</option>`;
  const kinds = Object.entries(KINDS).filter(([kind]) => kind === place.state || PRESENT.has(kind));
  const within = new Set(CASES.map((each) => each.entry)).size;
  const amount =
    listed.length === CASES.length
      ? plural(CASES.length, "case") + (within > 1 ? ` in ${within} evaluations` : "")
      : `${count(listed.length)} of ${plural(CASES.length, "case")}`;
  return html`<form class="filters" id="filters" role="search" aria-label="Filter" onSubmit=${(event) => event.preventDefault()}>
    <label class="search">
      <span class="unseen">Search case ids and answers</span>
      <input type="search" id="words" placeholder="Search case ids and answers" autocomplete="off" spellcheck="false"
        value=${place.words} onInput=${typed} />
      <kbd>/</kbd>
    </label>
    <label class="field"><span>State</span>
      <select id="state" onChange=${(event) => filter({ state: event.target.value })}>
        ${kinds.map(([kind, [label]]) => option(kind, label, place.state))}
      </select>
    </label>
    ${several &&
    html`<label class="field"><span aria-hidden="true">of</span>
      <select id="of" aria-label="Evaluation" onChange=${(event) => filter({ of: event.target.value, slice: "" })}>
        ${option("", "all evaluations", place.of)} ${ENTRIES.map(({ name }) => option(name, name, place.of))}
      </select>
    </label>`}
    <button class="plain" type="button" onClick=${clearFilters}>Clear</button>
    <p class="found" id="found" role="status">${[amount, place.slice, note].filter(Boolean).join(" · ")}</p>
  </form>`;
}

let typing = 0;
function typed({ target }) {
  clearTimeout(typing);
  typing = setTimeout(() => filter({ words: target.value }), 120);
}

function clearFilters() {
  clearTimeout(typing);
  $("words").value = "";
  filter({ words: "", state: "", of: "", slice: "" });
}

function Cases() {
  const next = Math.min(MORE_CASES, listed.length - shown);
  const more = () => {
    const from = shown;
    shown += MORE_CASES;
    draw();
    fetchShown();
    $("case-list").querySelectorAll(".case")[from]?.focus();
  };
  const none = CASES.length ? "No case is left. Clear the filter to see all." : "No case has a score.";
  return html`<section id="cases" aria-labelledby="cases-title">
    <div class="title"><h2 id="cases-title">Cases</h2></div>
    <${Filters} />
    <div class="card" id="case-list">
      ${listed.length
        ? html`<ol class="case-rows">
            ${listed.slice(0, shown).map((each) => html`<${CaseRow} key=${keyOf(each.entry.name, each.id)} each=${each} />`)}
          </ol>`
        : html`<p class="empty">${none}</p>`}
      ${next > 0 &&
      html`<p class="more">
        <button class="act stop" type="button" onClick=${more}>${plural(next, "more case")}</button>
        <span class="soft"> ${count(shown)} of ${count(listed.length)} are shown</span>
      </p>`}
    </div>
  </section>`;
}
