// ------------------------------------------------------------------------------------------------- plots of intervals

const percent = (share) => `${(100 * share).toFixed(3)}%`;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** A check turned so that more is better; a bound that is not finite reaches to the edge. */
function oriented(check, entry) {
  const { value, low, high } = check;
  return entry.higher_is_better
    ? { value, low, high }
    : { value: negated(value), low: negated(high), high: negated(low) };
}

const negated = (value) => (value === null ? null : -value);

const MOST_MARGINS = 6; // how far a scale goes for the sake of a bar: one that is very wide would flatten all others

/** From where to where the bars of these evaluations reach, with 0 and the margins in it, and some air. */
function reach(entries) {
  const turned = entries.flatMap((entry) => entry.checks.map((check) => oriented(check, entry)));
  const known = (name) => turned.map((each) => each[name]).filter((value) => value !== null);
  const margin = Math.max(...entries.flatMap((entry) => entry.checks.map((check) => check.allowed))) || 0.05;
  const far = entries.some((entry) => entry.aim === "same") ? 1.2 : 0.2;
  const [lows, highs, values] = ["low", "high", "value"].map(known);
  const low = Math.min(-1.2 * margin, ...values, Math.max(Math.min(...lows), -MOST_MARGINS * margin));
  const high = Math.max(far * margin, ...values, Math.min(Math.max(...highs), (MOST_MARGINS / 2) * margin));
  const air = (high - low) * 0.06;
  return [low - air, high + air];
}

/** The bar of one check: its range against 0 and the margin. */
function bar(check, entry, [least, most], height = 22) {
  const at = (value) => percent(clamp((value - least) / (most - least), 0, 1));
  const { value, low, high } = oriented(check, entry);
  const left = low ?? least;
  const right = high ?? most;
  const middle = height / 2;
  const { allowed } = check;
  const isSame = entry.aim === "same";
  const to = check.against === "threshold" ? `the threshold ${figure(entry.threshold, entry)}` : "the baseline";
  const words = `${check.verdict} against ${to}: difference ${check.figure}, margin ${check.margin}`;
  return shape(
    "svg",
    { class: "bar-plot", height, role: "img", "aria-label": words },
    shape("title", {}, words),
    shape("rect", {
      class: "margin",
      x: at(-allowed),
      width: percent(((isSame ? 2 : 1) * allowed) / (most - least)),
      y: 1,
      height: height - 2,
    }),
    shape("line", { class: "allowed", x1: at(-allowed), x2: at(-allowed), y1: 1, y2: height - 1 }),
    isSame ? shape("line", { class: "allowed", x1: at(allowed), x2: at(allowed), y1: 1, y2: height - 1 }) : null,
    shape("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: height }),
    value === null
      ? null
      : shape("line", { class: `range ${check.verdict}`, x1: at(left), x2: at(right), y1: middle, y2: middle }),
    low === null || low < least || value === null
      ? null
      : shape("line", { class: `end ${check.verdict}`, x1: at(left), x2: at(left), y1: middle - 4, y2: middle + 4 }),
    high === null || high > most || value === null
      ? null
      : shape("line", { class: `end ${check.verdict}`, x1: at(right), x2: at(right), y1: middle - 4, y2: middle + 4 }),
    value === null ? null : shape("circle", { class: `dot ${check.verdict}`, cx: at(value), cy: middle, r: 4.5 }),
  );
}

/** Round numbers between two ends, about so many. */
function ticks(low, high, about = 5) {
  const rough = (high - low) / about;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((each) => each >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step)
    found.push(Number(tick.toPrecision(12)));
  return found;
}

/** Numbers below a plot, at their places. */
function axis([low, high], { signed = false, y = 12, about = 5 } = {}) {
  return ticks(low, high, about).map((tick) =>
    shape(
      "text",
      { class: "tick", x: percent((tick - low) / (high - low)), y, "text-anchor": "middle" },
      (signed && tick > 0 ? "+" : "") + tick.toLocaleString("en", { maximumSignificantDigits: 3 }),
    ),
  );
}

/** The range of a mean; a bound that there is none of reaches to the edge, and there is no range without both. */
const range = ({ low, high }, kind, at, domain, y) =>
  low === null && high === null
    ? null
    : shape("line", { class: `range ${kind}`, x1: at(low ?? domain[0]), x2: at(high ?? domain[1]), y1: y, y2: y });

/** The means of both versions with their intervals, against the threshold and what its margin allows. */
function means(entry) {
  const rows = [
    ["baseline", entry.baseline, "baseline"],
    ["candidate", entry.candidate, entry.verdict],
  ].filter(([, estimate]) => estimate);
  const sign = entry.higher_is_better ? 1 : -1;
  const allowed = entry.threshold === null ? null : entry.threshold - sign * entry.allowed;
  const other = entry.threshold !== null && entry.aim === "same" ? entry.threshold + sign * entry.allowed : allowed;
  const ends = rows
    .flatMap(([, { value, low, high }]) => [value, low, high])
    .concat(entry.threshold, allowed, other)
    .filter((value) => value !== null);
  const domain = entry.unit ? widened(Math.min(...ends), Math.max(...ends)) : [0, 1];
  const at = (value) => percent(clamp((value - domain[0]) / (domain[1] - domain[0]), 0, 1));
  const height = rows.length * 26 + (entry.threshold === null ? 0 : 18);
  const top = height - rows.length * 26;
  const [from, to] =
    allowed === null
      ? [0, 0]
      : [Math.min(allowed, other, entry.threshold), Math.max(allowed, other, entry.threshold)];
  const words =
    rows.map(([name]) => `${name} ${entry.figures[name]}`).join(", ") +
    (entry.threshold === null ? "" : `, required ${figure(entry.threshold, entry)}`);
  return element(
    "div",
    { class: "means" },
    element("div", { class: "lanes", "aria-hidden": "true" }, ...rows.map(([name]) => element("span", {}, name))),
    shape(
      "svg",
      { class: "means-plot", height: height + 20, role: "img", "aria-label": words },
      shape("title", {}, words),
      allowed === null
        ? null
        : shape("rect", {
            class: "margin",
            x: at(from),
            width: percent((to - from) / (domain[1] - domain[0])),
            y: top - 4,
            height: height - top + 4,
          }),
      entry.threshold === null
        ? null
        : shape("line", { class: "zero", x1: at(entry.threshold), x2: at(entry.threshold), y1: top - 4, y2: height }),
      entry.threshold === null
        ? null
        : shape(
            "text",
            {
              class: "tick strong",
              x: at(entry.threshold),
              y: 11,
              "text-anchor": anchor((entry.threshold - domain[0]) / (domain[1] - domain[0])),
            },
            `required ${figure(entry.threshold, entry)}`,
          ),
      ...rows.flatMap(([name, { value, low, high }, kind], row) => {
        const y = top + row * 26 + 13;
        return [
          shape("line", { class: "lane", x1: "0%", x2: "100%", y1: y, y2: y }),
          range({ low, high }, kind, at, domain, y),
          shape(
            "circle",
            { class: `dot ${kind}`, cx: at(value), cy: y, r: 4.5 },
            shape("title", {}, `${name} ${entry.figures[name]}`),
          ),
        ];
      }),
      shape("line", { class: "base", x1: "0%", x2: "100%", y1: height + 2, y2: height + 2 }),
      ...axis(domain, { y: height + 16 }).map((tick) => keptInside(tick)),
    ),
  );
}

const anchor = (share) => (share > 0.85 ? "end" : share < 0.15 ? "start" : "middle");

/** A number at an end of an axis grows inwards. */
function keptInside(tick) {
  const share = Number.parseFloat(tick.getAttribute("x")) / 100;
  if (share > 0.97) tick.setAttribute("text-anchor", "end");
  if (share < 0.03) tick.setAttribute("text-anchor", "start");
  return tick;
}

function widened(low, high) {
  const air = (high - low || Math.abs(high) || 1) * 0.12;
  return [low - air, high + air];
}

/** A case's means as two dots on one line. */
function dumbbell(each) {
  if (each.candidate === null || each.entry.unit) return null;
  const at = (value) => percent(0.06 + 0.88 * value);
  const moved = each.entry.baseline
    ? gain(each) < 0
      ? "regressed"
      : "passed"
    : each.candidate < 1
      ? "failed"
      : "passed";
  return shape(
    "svg",
    { class: "dumbbell", height: 14, "aria-hidden": "true" },
    shape("line", { class: "lane", x1: at(0), x2: at(1), y1: 7, y2: 7 }),
    each.baseline === null
      ? null
      : shape("line", { class: `range ${moved}`, x1: at(each.baseline), x2: at(each.candidate), y1: 7, y2: 7 }),
    each.baseline === null ? null : shape("circle", { class: "hollow", cx: at(each.baseline), cy: 7, r: 4 }),
    shape("circle", { class: `dot ${moved}`, cx: at(each.candidate), cy: 7, r: 4 }),
  );
}
