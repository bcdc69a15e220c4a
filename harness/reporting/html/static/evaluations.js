// --------------------------------------------------------------------------------------------------- the evaluations

const FIRST_PASSED = 25;
const LEAST_FOLDED = 8;
const SHARED = reach(DATA.evaluations.filter((entry) => !entry.unit && entry.checks.length));

/** One evaluation as a line that opens. */
function evaluationRow(entry, number) {
  const panel = element("div", { class: "panel", id: `panel-${number}`, hidden: true });
  const button = element(
    "button",
    { class: "stop head", type: "button", "aria-expanded": "false", "aria-controls": panel.id, click: () => toggle(number) },
    chip(entry.verdict),
    element("span", { class: "what" }, element("strong", { class: "name", dir: "auto" }, visible(entry.name)), element("span", { class: "reason", dir: "auto" }, visible(entry.reason))),
  );
  const row = element("article", { class: `evaluation ${entry.verdict}`, id: `evaluation-${number}`, "data-number": number }, element("h3", { class: "line" }, button), element("div", { class: "figures" }, ...figuresOf(entry)), element("div", { class: "bars" }, ...barsOf(entry)), panel);
  return row;
}

function figuresOf(entry) {
  const { candidate, baseline } = entry.figures;
  const fact = (name, text) => (text ? element("span", {}, element("span", { class: "soft" }, `${name} `), element("span", { class: "number" }, text)) : null);
  return [fact("candidate", candidate), fact("baseline", baseline), fact("required", entry.figures.required)];
}

function barsOf(entry) {
  if (!entry.checks.length) return [element("span", { class: "soft" }, entry.candidate ? "nothing required" : "")];
  const domain = entry.unit ? reach([entry]) : SHARED;
  return entry.checks.map((check) => element("div", { class: "lane-row" }, element("span", { class: "soft" }, check.against), bar(check, entry, domain)));
}

/** Open or close an evaluation; what is in it is made when it is first opened. */
function toggle(number, open) {
  const row = $(`evaluation-${number}`);
  const panel = $(`panel-${number}`);
  const shown = open ?? panel.hidden;
  if (shown && !panel.firstChild) panel.append(...panelOf(DATA.evaluations[number], number));
  panel.hidden = !shown;
  row.querySelector("button").setAttribute("aria-expanded", String(shown));
}

function panelOf(entry, number) {
  const paths = entry.paths.map((path) => evidence(path, entry));
  const byCase = entry.baseline ? scatter(entry, number) : distribution(entry, number);
  return [
    element("div", { class: "statements" }, ...(entry.checks.length ? entry.checks.map((check) => statement(check, entry)) : entry.errors.length ? [] : [element("p", {}, visible(entry.reason))]), ...failures(entry)),
    element(
      "div",
      { class: "charts" },
      element("div", {}, entry.candidate ? chart("Means", null, means(entry)) : null, paths.length ? byCase : past(entry)),
      element("div", {}, ...(paths.length ? paths : [byCase])),
    ),
    (paths.length ? past(entry) : null) ?? "",
    element("p", { class: "soft facts" }, [entry.measured, `design ${entry.design}`, entry.margin_is_default ? "margin by default" : null, entry.history.length ? null : "no earlier run in the store", ...entry.facts].filter(Boolean).map(visible).join(" · ")),
    element("p", { class: "soft facts" }, element("code", {}, visible(entry.id)), isSole(entry) ? "" : ` metric ${visible(entry.metric)}`),
    casesOf(number).length ? element("p", { class: "row start" }, element("button", { class: "act", type: "button", click: () => showCasesOf(number) }, `Show its ${plural(casesOf(number).length, "case")}`)) : "",
  ];
}

/** What one comparison says, with the figures and the method that it says it by. */
function statement(check, entry) {
  const to = check.against === "threshold" ? `Against the threshold ${figure(entry.threshold, entry)}` : "Against the baseline";
  return element(
    "div",
    { class: "statement" },
    element("p", {}, chip(check.verdict), ` ${to}: `, element("strong", {}, visible(check.reason)), check.samples_needed ? ` (${plural(check.samples_needed, "more sample")})` : ""),
    element("p", { class: "soft" }, "difference ", element("span", { class: "number" }, check.figure), `, margin ${check.margin}, by ${check.method}`),
  );
}

function failures(entry) {
  if (!entry.errors.length) return [];
  const list = element("ul", { class: "errors" }, ...entry.errors.map((error) => element("li", { dir: "auto" }, visible(error))));
  const frames = entry.traceback.length ? element("pre", { tabindex: 0 }, visible(entry.traceback.join("\n"))) : null;
  return [list, frames];
}

/** Of many evaluations those that passed fold into one line, where others did not; else the first are shown. */
function fold() {
  const red = DATA.evaluations.filter((entry) => entry.verdict !== "passed").length;
  const kept = red || FIRST_PASSED;
  const hidden = DATA.evaluations.length - kept;
  if (hidden < LEAST_FOLDED) return;
  $("rows").classList.add("folded");
  const rows = [...$("rows").children].slice(kept);
  for (const row of rows) row.classList.add("fold");
  const button = element("button", { class: "stop plain", type: "button", click: unfold }, `show ${red ? "them" : "all"}`);
  $("rows").append(element("p", { class: "folding" }, chip("passed"), ` ${plural(hidden, red ? "evaluation" : "more evaluation")} `, button));
}

function unfold() {
  if (!$("rows").classList.contains("folded")) return;
  const next = $("rows").querySelector(".fold .head");
  const hadFocus = document.activeElement?.closest(".folding");
  $("rows").classList.remove("folded");
  $("rows").querySelector(".folding").remove();
  if (hadFocus) next.focus();
}

function showEvaluations() {
  $("rows").replaceChildren(...DATA.evaluations.map(evaluationRow));
  fold();
  const [low, high] = SHARED;
  const scores = DATA.evaluations.some((entry) => !entry.unit && entry.checks.length);
  if (scores) $("legend").append("difference, ", element("span", { class: "number" }, `${signed(low)} to ${signed(high)}`), ": right is better, the grey band is the margin");
  if (!DATA.evaluations.length) $("rows").append(element("p", { class: "empty" }, "No evaluation was run."));
  if (DATA.evaluations.length && DATA.evaluations[0].verdict !== "passed") toggle(0, true);
  if (DATA.evaluations.length === 1) toggle(0, true);
}

const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2);

// ----------------------------------------------------------------------------------------- what changed, what is required

const FIRST_CHANGES = 6;

function changeCard(change) {
  const entry = DATA.evaluations.findIndex((each) => each.set === change.set && each.metric === change.metric);
  const open = () => {
    const place = casesOf(entry).find((each) => each.index === change.case);
    if (place) openCase(place, [place]);
  };
  const both = change.has_baseline && change.baseline !== null && change.candidate !== null;
  const [before, after] = both ? compared(change.baseline, change.candidate) : [change.baseline, change.candidate].map((text) => (text === null ? null : prose([[text, false]])));
  const side = (name, answer, reason) =>
    answer || reason
      ? element("div", { class: "side" }, element("h4", {}, name), answer, reason ? element("p", { class: "why", dir: "auto" }, visible(reason)) : null)
      : null;
  return element(
    "article",
    { class: "card change", "data-verdict": change.verdict, "data-words": `${change.id} ${change.baseline ?? ""} ${change.candidate ?? ""}`.toLowerCase() },
    element("h3", {}, element("button", { class: "stop plain", type: "button", click: open, disabled: entry < 0 || change.case < 0 }, element("span", { dir: "auto" }, visible(change.id))), element("span", { class: "scores" }, change.scores.replace("->", "→")), entry < 0 ? null : element("span", { class: "soft", dir: "auto" }, visible(DATA.evaluations[entry].name))),
    element("div", { class: "sides" }, change.has_baseline ? side("baseline", before, change.baseline_reason) : null, side("candidate", after, change.candidate_reason)),
  );
}

function showChanges() {
  const { changes } = DATA;
  $("changed").hidden = !changes.length;
  if (!changes.some((change) => change.has_baseline)) $("changed-title").textContent = "Worst cases";
  $("changed-note").textContent = changes.some((change) => change.has_baseline) ? "The cases to look at, with an answer of each version: the baseline's best and the candidate's worst." : "The cases to look at, with the candidate's worst answer.";
  const cards = changes.map(changeCard);
  $("changes").replaceChildren(...cards.slice(0, FIRST_CHANGES));
  if (cards.length > FIRST_CHANGES) {
    const more = element("button", { class: "act", type: "button", click: () => more.parentElement.replaceWith(...cards.slice(FIRST_CHANGES)) }, `${cards.length - FIRST_CHANGES} more`);
    $("changes").append(element("p", { class: "rest" }, more));
  }
}

function showRequirements() {
  const named = DATA.requirements.filter((each) => each.text !== null);
  $("requirements").hidden = !named.length;
  const line = (each) =>
    element(
      "tr",
      {},
      element("td", {}, each.kind),
      element("th", { scope: "row", dir: "auto" }, each.text === null ? element("span", { class: "soft" }, "no requirement named") : visible(each.text)),
      element("td", {}, ...each.evaluations.map((number) => evaluationLink(number))),
      element("td", {}, chip(each.verdict)),
    );
  $("matrix").replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...["kind", "requirement", "evaluations", "verdict"].map((title) => element("th", { scope: "col" }, title)))), element("tbody", {}, ...DATA.requirements.map(line))));
}

const evaluationLink = (number) => {
  const entry = DATA.evaluations[number];
  return element("a", { class: "evaluation-link", href: `#${new URLSearchParams({ evaluation: entry.id, metric: entry.metric })}` }, element("span", { "aria-hidden": "true", class: `mark ${entry.verdict}` }, MARKS[entry.verdict]), element("span", { class: "unseen" }, `${entry.verdict}: `), ` ${visible(entry.name)}`);
};

function showRun() {
  const group = ({ title, facts }) => element("div", { class: "card" }, element("h3", {}, title), element("dl", {}, ...facts.flatMap(([label, text]) => [element("dt", {}, label), element("dd", { dir: "auto" }, visible(text))])));
  $("about").replaceChildren(...DATA.about.map(group));
  if (DATA.notes.length) $("about").prepend(element("div", { class: "card whole" }, element("h3", {}, "Notes"), element("ul", {}, ...DATA.notes.map((note) => element("li", { dir: "auto" }, visible(note))))));
}
