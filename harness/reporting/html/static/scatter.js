// ------------------------------------------------------------------------------------------------ charts of cases

/** Every case as a dot, cases with the same means as one larger dot; a click opens them. */
function scatter(entry, number) {
  const paired = casesOf(number).filter((each) => each.candidate !== null && each.baseline !== null);
  if (!paired.length) return null;
  const every = paired.flatMap((each) => [each.candidate, each.baseline]);
  const domain = entry.unit ? widened(lowest(every), highest(every)) : [-0.04, 1.04];
  const share = (value) => (value - domain[0]) / (domain[1] - domain[0]);
  const dots = dotsOf(paired);
  const most = Math.max(...dots.map((dot) => dot.length));
  const size = 300;
  const x = (value) => 40 + share(value) * (size - 50);
  const y = (value) => size - 36 - share(value) * (size - 46);
  const sides = { worse: 0, same: 0, better: 0 };
  for (const each of paired) sides[sideOf(each)]++;
  const isSame = entry.aim === "same";
  const moved = isSame ? `${sides.worse} differ` : `${sides.worse} got worse, ${sides.better} better`;
  const words = `Of ${plural(paired.length, "case")} ${moved}, ${sides.same} stayed the same.`;
  const sign = entry.higher_is_better ? 1 : -1;
  const [low, high] = entry.unit ? domain : [0, 1];
  const line = (name, shift) =>
    shape("line", {
      class: name,
      x1: x(low),
      y1: y(clamp(low - shift, low, high)),
      x2: x(high),
      y2: y(clamp(high - shift, low, high)),
    });
  const along = (side) => {
    const [factor, shift] = entry.margin_is_relative ? [1 - side * entry.margin, 0] : [1, side * entry.margin];
    const from = clamp(low, (low + shift) / factor, high);
    const to = clamp(high, low, (high + shift) / factor);
    const end = (value) => factor * value - shift;
    return shape("line", { class: "allowed", x1: x(from), y1: y(end(from)), x2: x(to), y2: y(end(to)) });
  };
  const plot = shape(
    "svg",
    { class: "scatter", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": words },
    ...ticks(low, high).map((tick) =>
      shape("text", { class: "tick", x: x(tick), y: size - 20, "text-anchor": "middle" }, tick),
    ),
    ...ticks(low, high).map((tick) =>
      shape("text", { class: "tick", x: 33, y: y(tick) + 4, "text-anchor": "end" }, tick),
    ),
    shape("line", { class: "base", x1: 40, x2: size - 10, y1: size - 36, y2: size - 36 }),
    shape("line", { class: "base", x1: 40, x2: 40, y1: 10, y2: size - 36 }),
    line("zero", 0),
    along(sign),
    isSame ? along(-sign) : null,
    shape("text", { class: "tick", x: (size + 30) / 2, y: size - 4, "text-anchor": "middle" }, "baseline"),
    shape(
      "text",
      {
        class: "tick",
        x: 12,
        y: (size - 26) / 2,
        "text-anchor": "middle",
        transform: `rotate(-90 12 ${(size - 26) / 2})`,
      },
      "candidate",
    ),
    ...dots.map((dot) => {
      const [first] = dot;
      const told = dot.length === 1 ? visible(first.id) : plural(dot.length, "case");
      return shape(
        "circle",
        {
          class: `case-dot ${sideOf(first)}`,
          cx: x(first.baseline),
          cy: y(first.candidate),
          r: 3.5 + 8 * Math.sqrt((dot.length - 1) / Math.max(most, 8)),
          click: () => openCase(first, dot),
        },
        shape("title", {}, `${told}: ${scoresOf(first)}`),
      );
    }),
  );
  return chart(
    "Case by case",
    `${words} ${isSame ? "A dot off the line differs; the dashed lines are" : `A dot ${sign > 0 ? "below" : "above"} the line got worse; the dashed line is`} the margin. Click a dot to see its cases.`,
    plot,
  );
}

// Not by a spread: ten thousand values are more than a call takes.
const lowest = (values) => values.reduce((one, other) => Math.min(one, other));
const highest = (values) => values.reduce((one, other) => Math.max(one, other));

function sideOf(each) {
  const gained = gain(each);
  return gained < 0 ? "worse" : gained > 0 ? "better" : "same";
}

/** The cases in groups that are drawn as one dot: equal means. */
function dotsOf(paired) {
  const groups = new Map();
  for (const each of paired) {
    const key = `${each.baseline} ${each.candidate}`;
    if (groups.has(key)) groups.get(key).push(each);
    else groups.set(key, [each]);
  }
  return [...groups.values()].sort((one, other) => other.length - one.length);
}
