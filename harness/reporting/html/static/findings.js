// --------------------------------------------------------------------------- the first screen: what is wrong, what to do

const WORDS = { RED: "red", INCONCLUSIVE: "yellow", INTERRUPTED: "yellow", GREEN: "green" };
const MOST_OPENED = 2; // findings whose worst case shows at once
const MOST_FOUND = 8;

/** The run in one line, and what was weighed. */
function Verdict() {
  const [, word, rest] = /^([A-Z ]+(?:, accepted until [\d-]+)?): (.*)$/s.exec(DATA.page.headline) ?? [null, "", DATA.page.headline];
  const strong = (text) => html`<strong dir="auto">${text}</strong>`;
  return html`<h1 id="headline">${word && html`<span class="word ${WORDS[word.split(",")[0]] ?? "red"}">${word}</span>`} ${rest}</h1>
    <p class="weighed" id="weighed">
      <span>candidate ${strong(DATA.candidate.name)}${DATA.page.kinds[0]}</span>
      ${DATA.page.chosen && html`<span>${DATA.page.chosen}</span>`}
      ${DATA.baseline && html`<span>against ${strong(DATA.baseline.name)}${DATA.page.kinds[1]}</span>`}
      ${DATA.anchor && html`<span>and the anchor ${strong(DATA.anchor.name)}${DATA.page.kinds[2]}</span>`}
      ${DATA.judges.length > 0 && html`<span>judged by ${strong(DATA.judges.map(({ name }) => name).join(", "))}</span>`}
      <span>${DATA.created.replace("T", " ").replace(/:\d\d(\.\d+)?(Z|\+00:00)?$/, "")}</span>
      <span>To share: this whole folder can be sent; <code>report.md</code> is its short form</span>
    </p>`;
}

/** One evaluation that did not pass: a sentence, its worst case, and the way to the figures behind it. */
function Finding({ entry, isOpen }) {
  const changes = entry.in_blocks
    ? []
    : DATA.changes.filter((each) => each.evaluation_id === entry.id && each.metric === entry.metric);
  const worse = entry.every.filter((each) => isWorse(each));
  const counted = entry.every.filter((each) => each.isCounted).length;
  const kind = entry.aim === "same" ? "differ" : entry.baseline ? WORSE : "were not always right";
  const state = entry.baseline ? "worse" : "wrong";
  const [error, ...below] = (entry.errors[0] ?? "").trim().split("\n");
  const traceback = below.length ? below : entry.traceback;
  return html`<article class="finding card ${entry.verdict}">
    <h2>${chip(entry.verdict)} <a dir="auto" href=${addressOf(entry)}>${entry.name}</a></h2>
    <p class="number">${arrows(entry.figures)}</p>
    <p class="sentence" dir="auto">${error || arrows(entry.sentence)}</p>
    ${traceback.length > 0 && html`<pre tabindex="0">${traceback.join("\n")}</pre>`}
    <p class="soft row start">
      ${!entry.in_blocks && worse.length > 0 &&
      html`<button class="plain" type="button" onClick=${() => showCases({ of: entry.name, state })}>
        ${count(worse.length)} of ${plural(counted, "case")} ${kind}
      </button>`}
      <a href=${addressOf(entry)}>How do we know?</a>
    </p>
    ${changes.length > 0 &&
    html`<details class="worst" open=${isOpen}>
      <summary>${changes[0].baseline === null ? "worst case" : "the case that moved most"}</summary>
      <${Worst} change=${changes[0]} entry=${entry} list=${changes} />
    </details>`}
  </article>`;
}

/** The worst case: question, expected, both answers side by side. */
function Worst({ change, entry, list }) {
  const has = change.baseline !== null;
  const better = betterOfChange(change, entry);
  const both = has && change.baseline_answer !== null && change.candidate_answer !== null;
  const texts = both
    ? compared(change.baseline_answer, change.candidate_answer, better, change.expected)
    : [change.baseline_answer, change.candidate_answer].map((text) => text !== null && plainly(text));
  const caseOf = (each) => entry.every.find((other) => other.id === each.case_id);
  const own = caseOf(change);
  const open = () => openCase(own, list.map(caseOf).filter(Boolean));
  const side = (role, text) => {
    const [same, reason] = [change[`${role}_same`] ?? 0, change[`${role}_reason`]];
    return (text || reason) && html`<div class="side">
      <h4>${role}${same > 1 && html`<span class="same"> ${same} ×</span>`}</h4>
      ${text}${reason && html`<p class="why" dir="auto">${reason}</p>`}
    </div>`;
  };
  return html`<div class="change">
    <h3>
      <button class="stop plain" type="button" onClick=${open} disabled=${!own} dir="auto">${change.case_id}</button>
      <span class="scores">${own ? scoresOf(own) : ""}</span>
    </h3>
    ${change.question && html`<${Asked} messages=${[{ role: "question", text: change.question }]} />`}
    ${change.expected && html`<${Expected} text=${change.expected} />`}
    <div class="sides">${has && side("baseline", texts[0])}${side("candidate", texts[1])}</div>
  </div>`;
}

/** Shown are the baseline's best answer and the candidate's worst: after a drop the baseline's is the better one; after
 * a gain the candidate's is, where each has one sample. With aim="same" neither is. */
function betterOfChange({ candidate, baseline, n, baseline_n }, entry) {
  if (entry.aim === "same" || candidate === baseline) return null;
  if (candidate < baseline === entry.higher_is_better) return "baseline";
  return n === 1 && baseline_n === 1 ? "candidate" : null;
}

/** What to do: commands that can be copied, and sentences. */
function Steps() {
  if (!DATA.steps.length) return null;
  return html`<section class="next" id="next" aria-labelledby="next-title">
    <h2 id="next-title">What to do</h2>
    <ul>
      ${DATA.steps.map(({ command, why }) =>
        command
          ? html`<li><p dir="auto">${why}</p><div class="command"><code tabindex="0">${command}</code>
              <button class="act" type="button" aria-label="Copy: ${why}" onClick=${copy}>Copy</button></div></li>`
          : html`<li dir="auto">${why}</li>`,
      )}
    </ul>
  </section>`;
}

async function copy({ currentTarget }) {
  const code = currentTarget.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
    currentTarget.textContent = "Copied";
    setTimeout(() => (currentTarget.textContent = "Copy"), 2000);
  } catch {
    getSelection().selectAllChildren(code); // what is chosen is copied by the keyboard
  }
}

function Findings() {
  const open = ENTRIES.filter((entry) => entry.verdict !== "passed");
  const rest = open.length - MOST_FOUND;
  return html`<div class="findings">
    ${open.slice(0, MOST_FOUND).map((entry, place) => html`<${Finding} entry=${entry} isOpen=${place < MOST_OPENED} />`)}
    ${rest > 0 && html`<p><a href="#evaluations">${plural(rest, "more evaluation")} did not pass</a></p>`}
  </div>`;
}
