// ------------------------------------------------------------------------------- what a model wrote, and how it differs

const MOST_EDITS = 2000; // more would hold the page up
const LEAST_ALIKE = 0.5; // of the words in common; below, marks are harder to read than the answers
const MOST_OPEN = 600; // characters of a message; a longer one is closed until somebody opens it

// A keyboard reaches a text that scrolls, and passes by the others.
const heights = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollHeight > target.clientHeight || target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
const watched = (node) => node && heights.observe(node);

/** A text that shows its lines; `pieces` are texts, each with what it is: "right", "wrong", "other" or nothing. */
const prose = (pieces, name = "ins") =>
  html`<div class="text" dir="auto" ref=${watched}>
    ${pieces.map(([text, kind]) => (kind ? html`<${name} class=${kind}>${text}<//>` : text))}
  </div>`;
const plainly = (text) => prose([[text, ""]]);

const words = (text) => text.match(/\s+|[\p{L}\p{M}\p{N}_]+|./gsu) ?? [];
const wordsIn = (text) => text.toLowerCase().match(/[\p{L}\p{M}\p{N}_]+/gu) ?? [];

/** Two texts as pieces, each with whether the other lacks it; a space between two words that differ goes with them. */
function differing(before, after) {
  const whole = [[[before, false]], [[after, false]]];
  const parts = Diff.diffArrays(words(before), words(after), { maxEditLength: MOST_EDITS });
  if (!parts) return whole;
  const same = parts.filter((part) => !part.added && !part.removed).map((part) => part.value.join(""));
  const [common, most] = [wordsIn(same.join(" ")), Math.max(wordsIn(before).length, wordsIn(after).length)];
  if (common.length < LEAST_ALIKE * most) return whole;
  return ["added", "removed"].map((of, side) => {
    const own = parts.filter((part) => !part[of]).map((part) => [part.value.join(""), part[side ? "added" : "removed"]]);
    return own.map(([text, differs], at) => [text, differs || (!text.trim() && own[at - 1]?.[1] && own[at + 1]?.[1])]);
  });
}

/**
 * Two answers side by side, words that differ marked: green in the one with the better score and red in the other, and
 * green wherever the expected answer has them. Where neither tells, they are marked as different alone.
 */
function compared(before, after, better = null, expected = null) {
  const known = new Set(wordsIn(expected ?? ""));
  return differing(before, after).map((marks, side) => {
    const own = better === null ? "other" : better === ["baseline", "candidate"][side] ? "right" : "wrong";
    const pieces = [];
    let kind = "";
    for (const [text, differs] of marks) {
      for (const word of differs && known.size ? words(text) : [text]) {
        const parts = wordsIn(word);
        if (!differs) kind = "";
        else if (!known.size || parts.length || !kind) kind = known.size && parts.length && known.has(parts[0]) ? "right" : own;
        if (pieces.length && pieces.at(-1)[1] === kind) pieces.at(-1)[0] += word;
        else pieces.push([word, kind]);
      }
    }
    return prose(pieces, side ? "ins" : "del");
  });
}

/** Messages of a conversation, all of them; a long one is closed, its beginning in sight. */
const Asked = ({ messages }) =>
  html`<div class="asked" role="group" aria-label="What was asked">
    ${messages.map(
      ({ role, text }) =>
        html`<div class="message">
          ${text.length > MOST_OPEN
            ? html`<details>
                <summary dir="auto">
                  ${role}${" "}
                  <span class="soft">${text.slice(0, 120).replace(/\s+/g, " ")} … ${plural(text.length, "character")}</span>
                </summary>
                ${plainly(text)}
              </details>`
            : html`<h3 class="label">${role}</h3>${plainly(text)}`}
        </div>`,
    )}
  </div>`;

const Expected = ({ text }) =>
  html`<div class="asked expected" role="group" aria-label="What is expected">
    <h3 class="label">expected</h3>
    ${plainly(text)}
  </div>`;
