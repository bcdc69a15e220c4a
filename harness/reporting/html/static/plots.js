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
