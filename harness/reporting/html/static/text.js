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

/** Texts in an element that shows their lines; `marks` are pieces of text, each with whether it differs. */
const prose = (marks, name) =>
  element(
    "div",
    { class: "text", dir: "auto" },
    ...marks.map(([text, differs]) => (differs ? element(name, {}, visible(text)) : visible(text))),
  );

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

/** Two answers side by side, words that differ marked. */
function compared(before, after) {
  const [ours, theirs] = differing(before, after);
  return [prose(ours, "del"), prose(theirs, "ins")];
}

/** The surroundings of the first place of a word in a text, the word marked. */
function excerpt(text, sought) {
  const at = text.toLowerCase().indexOf(sought);
  const start = Math.max(0, at - 40);
  const end = Math.min(text.length, at + sought.length + 80);
  const around = (from, to) => visible(text.slice(from, to).replace(/\s+/g, " "));
  return element(
    "span",
    { class: "excerpt", dir: "auto" },
    start ? "…" : "",
    around(start, at),
    element("mark", {}, around(at, at + sought.length)),
    around(at + sought.length, end),
    end < text.length ? "…" : "",
  );
}
