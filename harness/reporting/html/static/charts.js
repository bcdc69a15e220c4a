// -------------------------------------------------------------------------------------------- charts of an evaluation

const UNITS = { case: "cases", sample: "samples", label: "labels" };

/** A chart with its title and a sentence that says what to see. */
const chart = (title, note, ...children) =>
  element(
    "figure",
    { class: "chart" },
    element("figcaption", {}, element("h4", {}, title), note ? element("p", { class: "soft" }, note) : null),
    ...children,
  );

/** The evidence for "no worse" and for "worse" as it grew, with what each needed. */
function evidence(path, entry) {
  const last = path.drawn.at(-1);
  const ended = path.worse.at(-1);
  // What settled it at once where that was reached, else what counted once the run's other comparisons were known.
  const isLate = ended >= path.worse_limit && ended < path.settled_limit;
  const limits = { no_worse: path.no_worse_limit, worse: isLate ? path.worse_limit : path.settled_limit };
  const all = [...path.no_worse, ...path.worse, limits.no_worse, limits.worse, 0];
  const top = Math.max(...all) * 1.08;
  const bottom = Math.max(Math.min(...all), -0.7 * top);
  const x = (drawn) => drawn / last;
  const y = (log) => 1 - (log - bottom) / (top - bottom);
  const points = (logs) =>
    [[0, 0], ...logs.map((log, step) => [path.drawn[step], log])]
      .map(([drawn, log]) => `${(1000 * x(drawn)).toFixed(1)},${(1000 * y(log)).toFixed(1)}`)
      .join(" ");
  const height = 190;
  const inner = 168;
  const odds = (log) => Math.exp(log).toLocaleString("en", { maximumFractionDigits: 0 });
  const limit = (name, log, words, side) => [
    shape("line", { class: `limit ${name}`, x1: "0%", x2: "100%", y1: inner * y(log), y2: inner * y(log) }),
    shape(
      "text",
      { class: `tick ${name}`, x: side === "end" ? "97%" : "0%", y: inner * y(log) - 4, "text-anchor": side },
      `${words}: ${odds(log)} to 1`,
    ),
  ];
  const crossed = (logs, log) => logs.findIndex((each) => each >= log);
  const mark = (name, logs, log) => {
    const step = crossed(logs, log);
    return step < 0
      ? null
      : shape("circle", {
          class: `crossing ${name}`,
          cx: percent(x(path.drawn[step])),
          cy: inner * y(logs[step]),
          r: 4.5,
        });
  };
  const passed = crossed(path.no_worse, limits.no_worse);
  const worse = ended >= limits.worse;
  const how =
    passed >= 0 && !worse
      ? `“No worse” was proven after ${plural(path.drawn[passed], path.unit)}.`
      : worse
        ? `“Worse” was proven after ${plural(path.drawn[path.worse.length - 1], path.unit)}${isLate ? ", the run's other evaluations being known" : ""}.`
        : `Neither was proven by ${plural(last, path.unit)}.`;
  const to = path.against === "threshold" ? `the threshold ${figure(entry.threshold, entry)}` : "the baseline";
  const plot = shape(
    "svg",
    { class: "path", height, role: "img", "aria-label": `Evidence against ${to}. ${how}` },
    shape("line", { class: "base", x1: "0%", x2: "100%", y1: inner * y(0), y2: inner * y(0) }),
    ...limit("no-worse", limits.no_worse, "no worse", "start"),
    ...limit("worse", limits.worse, "worse", "end"),
    shape(
      "svg",
      {
        class: "inner",
        x: 0,
        y: 0,
        width: "100%",
        height: inner,
        viewBox: "0 0 1000 1000",
        preserveAspectRatio: "none",
      },
      shape("polyline", { class: "line no-worse", points: points(path.no_worse) }),
      shape("polyline", { class: "line worse", points: points(path.worse) }),
    ),
    mark("no-worse", path.no_worse, limits.no_worse),
    worse ? mark("worse", path.worse, limits.worse) : null,
    ...axis([0, last], { y: height - 4 }).map(keptInside),
  );
  return chart(
    `How it stopped, against ${to}`,
    how,
    plot,
    element(
      "p",
      { class: "key" },
      element("span", { class: "swatch no-worse" }),
      "evidence for “no worse” ",
      element("span", { class: "swatch worse" }),
      "evidence for “worse”, ",
      `after each of the ${UNITS[path.unit]}; the scale is logarithmic, and a line counts once it crosses its limit`,
    ),
  );
}

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
