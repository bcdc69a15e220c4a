// ---------------------------------------------------------------------------------------------------------- the cases

const FIRST_CASES = 50;
const MORE_CASES = 200;
const anySame = DATA.evaluations.some((entry) => entry.aim === "same"); // whose cases get neither worse nor better
const KINDS = {
  "": ["all", () => true],
  worse: [anySame ? "got worse or differ" : "got worse", (each) => each.baseline !== null && gain(each) < 0],
  better: ["got better", (each) => each.baseline !== null && gain(each) > 0],
  flipped: ["flipped", (each) => isFlipped(each)],
  flaky: ["flaky", (each) => each.state === "flaky"],
  broken: ["broken", (each) => each.state === "broken"],
  stable: ["stable", (each) => each.state === "stable"],
  labelled: ["labelled by people", (each) => each.isLabelled],
  "not counted": ["not counted", (each) => each.at < 0],
};

const filter = { words: "", state: "", of: -1, slice: null };
let found = []; // the cases that the filter leaves, in their order
let shown = FIRST_CASES;
let searched = 0; // counts searches: an older one that is still loading stops

/** From right more often than not to wrong more often than not, or the other way round. */
function isFlipped(each) {
  if (each.baseline === null || each.candidate === null || each.entry.unit) return false;
  return each.baseline >= 0.5 !== each.candidate >= 0.5;
}

const everyCase = (() => {
  let known = null;
  return () => (known ??= DATA.evaluations.flatMap((_, number) => casesOf(number)));
})();

/** A text that a case is searched by once its details are loaded: all its answers, in small letters. */
function answersOf(each) {
  const known = details.get(`${each.set}/${each.index}`);
  if (!known) return "";
  known.sought ??= known.bodies
    .map((body) => body.answer ?? "")
    .join("\n")
    .toLowerCase();
  return known.sought;
}

function matches(each, words) {
  return (
    !words ||
    each.id.toLowerCase().includes(words) ||
    answersOf(each).includes(words)
  );
}

function apply() {
  const isOf = KINDS[filter.state][1];
  const rank = (each) => gain(each) ?? Infinity;
  found = everyCase()
    .filter((each) => filter.of < 0 || each.number === filter.of)
    .filter((each) => isOf(each) && isInSlice(each, filter.slice) && matches(each, filter.words))
    .map((each, place) => [each, place])
    .sort(([one, place], [other, next]) => rank(one) - rank(other) || place - next)
    .map(([each]) => each);
  shown = FIRST_CASES;
  showCases();
  filterRows();
  showChanges();
  tellFound();
}

/** Evaluations that the filter leaves. */
function filterRows() {
  const withCases = new Set(found.map((each) => each.number));
  const isNarrow = Boolean(filter.words || filter.state);
  for (const row of $("rows").querySelectorAll(".evaluation")) {
    const number = Number(row.dataset.number);
    const entry = DATA.evaluations[number];
    const named =
      Boolean(filter.words) &&
      `${entry.id} ${entry.name} ${entry.requirement ?? ""}`.toLowerCase().includes(filter.words);
    row.hidden = isNarrow && !named && !withCases.has(number);
  }
  $("evaluations").hidden = !$("rows").querySelector(".evaluation:not([hidden])");
}

function tellFound(note = "") {
  const all = everyCase().length;
  $("found").textContent = [
    found.length === all ? plural(all, "case") : `${found.length.toLocaleString("en")} of ${plural(all, "case")}`,
    filter.slice ? visible(filter.slice.name) : "",
    note,
  ]
    .filter(Boolean)
    .join(" · ");
}

function caseRow(each) {
  const several = DATA.evaluations.length > 1;
  return element(
    "li",
    {},
    element(
      "button",
      { class: "stop case", type: "button", click: () => openCase(each, found) },
      element("span", { class: "case-id", dir: "auto" }, visible(each.id)),
      several ? element("span", { class: "soft case-of", dir: "auto" }, visible(each.entry.name)) : null,
      element("span", { class: "scores" }, scoresOf(each)),
      element("span", { class: `state ${each.state.replace(" ", "-")}` }, each.state),
    ),
  );
}

function showCases() {
  const list = element(
    "ol",
    { class: several() ? "case-rows several" : "case-rows" },
    ...found.slice(0, shown).map(caseRow),
  );
  $("case-list").replaceChildren(
    found.length
      ? list
      : element(
          "p",
          { class: "empty" },
          everyCase().length ? "No case is left. Clear the filter to see all." : "No case has a score.",
        ),
  );
  if (found.length > shown) {
    const next = Math.min(MORE_CASES, found.length - shown);
    $("case-list").append(
      element(
        "p",
        { class: "more" },
        element("button", { class: "act stop", type: "button", click: showMore }, `${plural(next, "more case")}`),
        element(
          "span",
          { class: "soft" },
          ` ${shown.toLocaleString("en")} of ${found.length.toLocaleString("en")} are shown`,
        ),
      ),
    );
  }
}

const several = () => DATA.evaluations.length > 1;

function showMore() {
  const from = shown;
  shown += MORE_CASES;
  showCases();
  $("case-list").querySelectorAll(".case")[from]?.focus();
}

/** Filter by words: by ids at once, by answers as their files come in. */
async function search(words) {
  filter.words = words.trim().toLowerCase();
  const own = ++searched;
  apply();
  if (filter.words.length < 2 || !DATA.details.files) return;
  const waiting = [...Array(DATA.details.files).keys()]
    .map((number) => number + 1)
    .filter((number) => !loading.has(number));
  let problem = "";
  for (const [done, number] of waiting.entries()) {
    if (own === searched && done % 4 === 0) tellFound(`searching answers: ${done} of ${waiting.length} files`);
    await load(number).catch((error) => (problem = error.message));
    if (own !== searched) return;
    if (problem) break;
  }
  apply();
  tellFound(problem);
}

function showCasesOf(number) {
  filter.of = number;
  $("of").value = String(number);
  apply();
  $("cases").scrollIntoView();
  $("case-list").querySelector(".case")?.focus({ preventScroll: true });
}
