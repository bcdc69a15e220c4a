// ------------------------------------------------------------------------------- what a model wrote, and how it differs

const MOST_COMPARED = 4_000_000; // pairs of words; more would hold the page up
const LEAST_ALIKE = 0.2; // below, two answers are others: nothing would be left unmarked

/** A text whose control and direction characters can be seen: they move nothing and hide nothing. */
const visible = (text) =>
  text
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, (sign) => `\\x${hex(sign, 2)}`)
    .replace(/[\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (sign) => `\\u${hex(sign, 4)}`)
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");

const hex = (sign, digits) => sign.charCodeAt(0).toString(16).padStart(digits, "0");

/**
 * Texts in an element that shows their lines; `marks` are pieces of text, each with whether it differs. `kindOf` says of a
 * piece that differs whether it is "right", "wrong" or neither.
 */
function prose(marks, name, kindOf = () => "other") {
  const piece = ([text, differs]) => (differs ? element(name, { class: kindOf(text) }, visible(text)) : visible(text));
  const text = element("div", { class: "text", dir: "auto" }, ...marks.map(piece));
  heights.observe(text);
  return text;
}

// A keyboard reaches a text that scrolls, and passes by the others.
const heights = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollHeight > target.clientHeight || target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

/** What the first of two texts has that the second has not, and the other way round, by words. */
function differing(before, after) {
  const [ours, theirs] = [words(before), words(after)];
  let start = 0;
  while (start < Math.min(ours.length, theirs.length) && ours[start] === theirs[start]) start++;
  let end = 0;
  while (end < Math.min(ours.length, theirs.length) - start && ours.at(-1 - end) === theirs.at(-1 - end)) end++;
  const left = ours.slice(start, ours.length - end);
  const right = theirs.slice(start, theirs.length - end);
  const whole = [[[before, false]], [[after, false]]];
  if (left.length * right.length > MOST_COMPARED) return whole;
  const kept = common(left, right);
  const same = [...ours.slice(0, start), ...kept.map(([place]) => left[place]), ...ours.slice(ours.length - end)];
  const said = (list) => list.filter((word) => word.trim()).length;
  if (said(same) < LEAST_ALIKE * Math.max(said(ours), said(theirs))) return whole;
  return [ours, theirs].map((list, side) => {
    const stays = new Set(kept.map((pair) => pair[side] + start));
    return joined(list.map((word, place) => [word, place >= start && place < list.length - end && !stays.has(place)]));
  });
}

const words = (text) => text.match(/\s+|[\p{L}\p{M}\p{N}_]+|./gsu) ?? [];

/** The longest common subsequence of two lists, as pairs of places. */
function common(left, right) {
  const width = right.length + 1;
  const longest = new Uint32Array((left.length + 1) * width);
  for (let row = left.length - 1; row >= 0; row--)
    for (let column = right.length - 1; column >= 0; column--)
      longest[row * width + column] =
        left[row] === right[column]
          ? longest[(row + 1) * width + column + 1] + 1
          : Math.max(longest[(row + 1) * width + column], longest[row * width + column + 1]);
  const pairs = [];
  for (let row = 0, column = 0; row < left.length && column < right.length;) {
    if (left[row] === right[column]) pairs.push([row++, column++]);
    else if (longest[(row + 1) * width + column] >= longest[row * width + column + 1]) row++;
    else column++;
  }
  return pairs;
}

/** Neighbours of one kind as one piece; a space between two words that differ goes with them. */
function joined(marks) {
  const pieces = [];
  marks.forEach(([text, differs], place) => {
    const between = !text.trim() && marks[place - 1]?.[1] && marks[place + 1]?.[1];
    const marked = differs || Boolean(between);
    if (pieces.length && pieces.at(-1)[1] === marked) pieces.at(-1)[0] += text;
    else pieces.push([text, marked]);
  });
  return pieces;
}

/**
 * Two answers side by side, words that differ marked: green in the one with the better score and red in the other, and
 * green wherever the expected answer has them. Where neither tells, they are marked as different alone.
 */
function compared(before, after, { better = null, expected = null } = {}) {
  const known = new Set(wordsIn(expected ?? ""));
  const kindOf = (role) => (text) => {
    const said = wordsIn(text);
    if (said.length && said.every((word) => known.has(word))) return "right";
    return better === null ? "other" : better === role ? "right" : "wrong";
  };
  const split = (marks) => (known.size ? marks.flatMap((mark) => apart(mark, known)) : marks);
  const [ours, theirs] = differing(before, after);
  return [prose(split(ours), "del", kindOf("baseline")), prose(split(theirs), "ins", kindOf("candidate"))];
}

const wordsIn = (text) => text.toLowerCase().match(/[\p{L}\p{M}\p{N}_]+/gu) ?? [];

/** A piece that differs in pieces whose words all are in the expected answer, or none. */
function apart([text, differs], known) {
  if (!differs) return [[text, false]];
  const pieces = [];
  let wasKnown = null;
  for (const word of words(text)) {
    const [said] = wordsIn(word);
    const isKnown = said === undefined ? wasKnown : known.has(said);
    if (pieces.length && isKnown === wasKnown) pieces.at(-1)[0] += word;
    else pieces.push([word, true]);
    wasKnown = isKnown;
  }
  return pieces;
}

const MOST_OPEN = 600; // characters of a message; a longer one is closed until somebody opens it

/** Messages of a conversation, all of them; a long one is closed, its beginning in sight. */
function conversation(messages) {
  const heading = (role) => element("h3", { class: "label" }, visible(role));
  const closed = ({ role, text }) => {
    const start = text.slice(0, 120).replace(/\s+/g, " ");
    const summary = element(
      "summary",
      { dir: "auto" },
      `${visible(role)} `,
      element("span", { class: "soft" }, `${visible(start)} … ${plural(text.length, "character")}`),
    );
    return element("details", {}, summary, prose([[text, false]]));
  };
  return messages.map((message) =>
    element(
      "div",
      { class: "message" },
      ...(message.text.length > MOST_OPEN
        ? [closed(message)]
        : [heading(message.role), prose([[message.text, false]])]),
    ),
  );
}
