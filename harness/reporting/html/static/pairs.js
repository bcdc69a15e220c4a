// ------------------------------------------------------------------------------------------------- pairs of blocks

const numberOf = (each) => Number(each.id.match(/\d+$/)?.[0] ?? 0);

/** The pairs of blocks of an evaluation under load: both figures, their ratio, and why one can't be trusted. */
function pairs(entry, number) {
  if (!entry.in_blocks) return null;
  const every = casesOf(number).sort((one, other) => numberOf(one) - numberOf(other));
  if (!every.length) return null;
  const logs = every.map(logOf).filter((log) => log !== null);
  const allowed = entry.margin_is_relative ? Math.abs(Math.log1p(entry.margin)) : 0;
  const farthest = 1.15 * Math.max(allowed, 0.01, ...logs.map(Math.abs));
  const heads = entry.baseline ? ["pair", "baseline", "candidate", "ratio", ""] : ["pair", "candidate"];
  const worse = every.filter((each) => gain(each) < 0 && logOf(each) !== null).length;
  const [moved, sides] =
    entry.aim === "same" ? ["differs", "in the middle both are equal;"] : ["is worse", "right of the line is better,"];
  const note = logs.length
    ? `The candidate ${moved} in ${worse} of ${plural(logs.length, "pair")}. A ratio is the candidate's figure to the baseline's; ${sides} the grey band is the margin.`
    : null;
  return chart(
    "Pair by pair",
    note,
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "compact pairs" },
        element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...every.map((each) => pairRow(each, heads.length, farthest))),
      ),
    ),
  );
}

function pairRow(each, columns, farthest) {
  const { entry } = each;
  const name = element("th", { scope: "row" }, visible(each.id));
  const why = entry.untrusted[each.id];
  if (why !== undefined || each.candidate === null) {
    const told = why === undefined ? "no figure" : visible(why);
    return element("tr", { class: "untrusted" }, name, element("td", { colspan: columns - 1 }, chip("error", "not counted"), ` ${told}`));
  }
  const cell = (text) => element("td", { class: "number" }, text);
  const log = logOf(each);
  return element(
    "tr",
    {},
    name,
    entry.baseline ? cell(figure(each.baseline, entry)) : null,
    cell(figure(each.candidate, entry)),
    entry.baseline ? cell(log === null ? "n/a" : Math.exp(log).toFixed(3)) : null,
    entry.baseline ? element("td", { class: "pair-plot" }, log === null ? null : ratioPlot(each, farthest)) : null,
  );
}

/** The logarithm of a pair's ratio; null where there is none. */
function logOf({ candidate, baseline }) {
  return candidate > 0 && baseline > 0 ? Math.log(candidate / baseline) : null;
}

/** A ratio on a line on which 1 is in the middle and better is right. */
function ratioPlot(each, farthest) {
  const { entry } = each;
  const sign = entry.higher_is_better ? 1 : -1;
  const at = (log) => percent(0.5 + (0.5 * log) / farthest);
  const band = entry.margin_is_relative ? Math.abs(Math.log1p(-sign * entry.margin)) : 0;
  const right = entry.aim === "same" ? band : 0;
  const better = sign * logOf(each);
  const kind = entry.aim === "same" ? "" : better < 0 ? "regressed" : "passed";
  return shape(
    "svg",
    { height: 16, "aria-hidden": "true" },
    band ? shape("rect", { class: "margin", x: at(-band), width: percent((0.5 * (band + right)) / farthest), y: 1, height: 14 }) : null,
    shape("line", { class: "lane", x1: "0%", x2: "100%", y1: 8, y2: 8 }),
    shape("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: 16 }),
    shape("line", { class: `range ${kind}`, x1: at(0), x2: at(better), y1: 8, y2: 8 }),
    shape("circle", { class: `dot ${kind}`, cx: at(better), cy: 8, r: 4 }),
  );
}
