// -------------------------------------------------------------------------------------------- charts of an evaluation

/** A chart with its title and a sentence that says what to see. */
const chart = (title, note, ...children) =>
  element(
    "figure",
    { class: "chart" },
    element("figcaption", {}, element("h4", {}, title), note ? element("p", { class: "soft" }, note) : null),
    ...children,
  );

/** What earlier runs found, a line each, this run last. */
function past(entry) {
  if (!entry.candidate) return null;
  const own = {
    ...entry.candidate,
    run_id: DATA.run.id,
    created: DATA.run.created,
    version: DATA.run.candidate,
    verdict: entry.verdict,
    figure: entry.figures.candidate,
    own: true,
  };
  const runs = [...entry.history, own];
  if (runs.length < 2) return null;
  const ends = runs.flatMap(({ value, low, high }) => [value, low, high]).filter((value) => value !== null);
  const domain = widened(Math.min(...ends), Math.max(...ends));
  if (!entry.unit) [domain[0], domain[1]] = [Math.max(0, domain[0]), Math.min(1, domain[1])];
  const at = (value) => percent(clamp((value - domain[0]) / (domain[1] - domain[0] || 1), 0, 1));
  const line = (run) =>
    element(
      "tr",
      run.own ? { class: "own" } : {},
      element(
        "td",
        {},
        element("span", { class: "when" }, when(run.created)),
        " ",
        element("span", { class: "soft" }, run.own ? "this run" : run.run_id),
      ),
      element("td", {}, visible(run.version)),
      element(
        "td",
        { class: "plot" },
        shape(
          "svg",
          { height: 16, "aria-hidden": "true" },
          entry.threshold === null
            ? null
            : shape("line", { class: "zero", x1: at(entry.threshold), x2: at(entry.threshold), y1: 0, y2: 16 }),
          range(run, run.verdict, at, domain, 8),
          shape("circle", { class: `dot ${run.verdict}`, cx: at(run.value), cy: 8, r: 4 }),
        ),
      ),
      element("td", { class: "number" }, run.figure),
      element("td", {}, chip(run.verdict)),
    );
  return chart(
    "Over versions",
    "The candidate's mean in the newest runs of this store.",
    element(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Earlier runs" },
      element(
        "table",
        { class: "past" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            ...["run", "version", "", "candidate", "verdict"].map((title) =>
              element("th", { scope: "col" }, title || element("span", { class: "unseen" }, "plot")),
            ),
          ),
        ),
        element("tbody", {}, ...runs.map(line)),
      ),
    ),
  );
}

/** A date without its seconds. */
const when = (created) => created.replace("T", " ").replace(/:\d\d(\.\d+)?(Z|\+00:00)?$/, "");
