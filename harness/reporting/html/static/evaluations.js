// --------------------------------------------------------------------------------------------------- the evaluations

const SHARED = reach(DATA.evaluations.filter((entry) => !entry.unit && entry.checks.length));

/** One evaluation as a line that opens. */
function evaluationRow(entry, number) {
  const panel = element("div", { class: "panel", id: `panel-${number}`, hidden: true });
  const button = element(
    "button",
    {
      class: "stop head",
      type: "button",
      "aria-expanded": "false",
      "aria-controls": panel.id,
      click: () => toggle(number),
    },
    chip(entry.verdict),
    element(
      "span",
      { class: "what" },
      element("strong", { class: "name", dir: "auto" }, visible(entry.name)),
      element("span", { class: "reason", dir: "auto" }, visible(entry.reason)),
    ),
  );
  const row = element(
    "article",
    { class: `evaluation ${entry.verdict}`, id: `evaluation-${number}`, "data-number": number },
    element("h3", { class: "line" }, button),
    element("div", { class: "figures" }, ...figuresOf(entry)),
    element("div", { class: "bars" }, ...barsOf(entry)),
    panel,
  );
  return row;
}

function figuresOf(entry) {
  const { candidate, baseline } = entry.figures;
  const fact = (name, text) =>
    text
      ? element("span", {}, element("span", { class: "soft" }, `${name} `), element("span", { class: "number" }, text))
      : null;
  return [fact("candidate", candidate), fact("baseline", baseline), fact("required", entry.figures.required)];
}

function barsOf(entry) {
  if (!entry.checks.length) return [element("span", { class: "soft" }, entry.candidate ? "nothing required" : "")];
  const domain = entry.unit ? reach([entry]) : SHARED;
  return entry.checks.map((check) =>
    element("div", { class: "lane-row" }, element("span", { class: "soft" }, check.against), bar(check, entry, domain)),
  );
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
  return [
    element(
      "div",
      { class: "statements" },
      ...(entry.checks.length
        ? entry.checks.map((check) => statement(check, entry))
        : entry.errors.length
          ? []
          : [element("p", {}, visible(entry.reason))]),
      ...failures(entry),
    ),
    entry.means ? element("p", { class: "soft" }, visible(entry.means)) : "",
    slices(entry, number) ?? "",
    pairs(entry, number) ?? "",
    element(
      "p",
      { class: "soft facts" },
      [
        entry.measured,
        `about ${entry.about}`,
        `design ${entry.design}`,
        entry.margin_is_default ? "margin by default" : null,
        ...entry.facts,
      ]
        .filter(Boolean)
        .map(visible)
        .join(" · "),
    ),
    element(
      "p",
      { class: "soft facts" },
      element("code", {}, visible(entry.id)),
      isSole(entry) ? "" : ` metric ${visible(entry.metric)}`,
    ),
    casesOf(number).length
      ? element(
          "p",
          { class: "row start" },
          element(
            "button",
            { class: "act", type: "button", click: () => showSlice(number, null) },
            `Show its ${plural(casesOf(number).length, "case")}`,
          ),
        )
      : "",
  ];
}

/** What one comparison says, with the figures and the method that it says it by. */
function statement(check, entry) {
  const to =
    check.against === "threshold" ? `Against the threshold ${figure(entry.threshold, entry)}` : "Against the baseline";
  return element(
    "div",
    { class: "statement" },
    element(
      "p",
      {},
      chip(check.verdict),
      ` ${to}: `,
      element("strong", {}, visible(check.reason)),
      check.samples_needed ? ` (${plural(check.samples_needed, "more sample")})` : "",
    ),
    element(
      "p",
      { class: "soft" },
      "difference ",
      element("span", { class: "number" }, check.figure),
      `, margin ${check.margin}; ${check.method}`,
    ),
  );
}

function failures(entry) {
  if (!entry.errors.length) return [];
  const list = element(
    "ul",
    { class: "errors" },
    ...entry.errors.map((error) => element("li", { dir: "auto" }, visible(error))),
  );
  const frames = entry.traceback.length ? element("pre", { tabindex: 0 }, visible(entry.traceback.join("\n"))) : null;
  return [list, frames];
}

function showEvaluations() {
  $("rows").replaceChildren(...DATA.evaluations.map(evaluationRow));
  const [low, high] = SHARED;
  const same = DATA.evaluations.filter((entry) => entry.aim === "same").length;
  const better = same ? "right is better, or neither side" : "right is better";
  const sides = same === DATA.evaluations.length ? "in the middle both are equal" : better;
  const scores = DATA.evaluations.some((entry) => !entry.unit && entry.checks.length);
  if (scores)
    $("legend").append(
      "difference, ",
      element("span", { class: "number" }, `${signed(low)} to ${signed(high)}`),
      `: ${sides}, the grey band is the margin`,
    );
  if (!DATA.evaluations.length) $("rows").append(element("p", { class: "empty" }, "No evaluation was run."));
  if (DATA.evaluations.length && DATA.evaluations[0].verdict !== "passed") toggle(0, true);
  if (DATA.evaluations.length === 1) toggle(0, true);
}

const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2);
