// -------------------------------------------------------------------------------------------------------- one case

let current = null; // { each, list, known, problem }: the case on the sheet, and those that j and k go through
let cameFrom = null;
const DIFFERENCES =
  "Words that differ are green in the answer with the better score and red in the other, and green where the expected " +
  "answer has them; yellow where nothing tells which is right.";
const NOTES = {
  "not counted": "its evaluation was decided before its turn",
  skipped: "left out by its body",
  error: "a body broke",
};

/** Show a case; `list` are the cases around it. */
function openCase(each, list) {
  if (!$("sheet").open) cameFrom = document.activeElement;
  const own = (current = { each, list });
  keepAddress();
  drawSheet();
  if (!$("sheet").open) $("sheet").showModal();
  $("sheet-title").focus();
  const showWith = (more) => current === own && drawSheet(Object.assign(own, more));
  detailsOf(each).then((known) => showWith({ known }), (error) => showWith({ problem: error.message }));
}

function step(by) {
  const next = current.list[current.list.indexOf(current.each) + by];
  if (next) openCase(next, current.list);
}

const drawSheet = () => render(html`<${Sheet} ...${current} />`, $("sheet"));

function Sheet({ each, list, known, problem }) {
  const at = list.indexOf(each);
  const press = (label, key, by) =>
    html`<button class="act" type="button" disabled=${!list[at + by]} onClick=${() => step(by)}>
      ${label} <kbd>${key}</kbd>
    </button>`;
  const metrics = ENTRIES.filter((entry) => entry.id === each.entry.id);
  const sums = metrics.map((entry) => entry.every.find(({ id }) => id === each.id)).filter(Boolean);
  return html`<header>
      <div>
        <h2 id="sheet-title" tabindex="-1" dir="auto">${each.id}</h2>
        <p class="soft" dir="auto">${each.entry.name}</p>
      </div>
      <div class="row">
        ${list.length > 1 && html`<span class="soft number">${at + 1} of ${count(list.length)}</span>`}
        ${list.length > 1 && press("Previous", "k", -1)} ${list.length > 1 && press("Next", "j", 1)}
        <button class="act" type="button" onClick=${() => $("sheet").close()}>Close <kbd>Esc</kbd></button>
      </div>
    </header>
    <div class="sheet-body">
      <div class="sums">
        ${sums.map(
          (own) => html`<p>
            ${metrics.length > 1 && html`<strong>${own.entry.metric} </strong>`}
            ${own.entry.baseline && html`<span class="soft">baseline → candidate </span>`}
            <span class="scores">${scoresOf(own)}</span>${" "}
            <span class="state ${own.state.replace(" ", "-")}">${own.state}</span>
            ${NOTES[own.state] && html`<span class="soft"> ${NOTES[own.state]}</span>`}
          </p>`,
        )}
      </div>
      ${problem
        ? html`<p class="note bad">${problem}</p>`
        : known
          ? html`<${Answers} each=${each} known=${known} />`
          : html`<p class="soft">Loading …</p>`}
    </div>`;
}

/** Samples side by side; those that say the same and score the same are one row. */
function Answers({ each, known }) {
  const roles = ["baseline", "candidate"].filter((role) => known.bodies.some((body) => body.role === role));
  const questions = known.bodies.filter((body) => body.asked !== undefined).map((body) => known.asked[body.asked]);
  const common = inCommon(questions);
  const expected = DATA.changes.find((own) => own.evaluation_id === each.entry.id && own.case_id === each.id)?.expected;
  const ownOf = (body) => (known.asked[body.asked] ?? []).slice(common);
  const rows = new Map();
  for (const sample of [...new Set(known.bodies.map((body) => body.sample))].sort((one, other) => one - other)) {
    const pair = roles.map((role) => known.bodies.find((body) => body.role === role && body.sample === sample));
    const facts = pair.map((body) => body && [body.answer, body.calls, body.scores, body.asked, body.labels, body.reasoning]);
    const key = JSON.stringify(facts);
    rows.set(key, { pair, samples: [...(rows.get(key)?.samples ?? []), sample + 1] });
  }
  const row = ({ pair, samples }) => {
    const which = samples.length > 1 ? `${samples.length} × samples ${samples.join(", ")}` : `sample ${samples[0]}`;
    const isPair = pair.length === 2 && pair.every((body) => body?.answer !== undefined);
    const texts =
      isPair && pair[0].answer !== pair[1].answer
        ? compared(pair[0].answer, pair[1].answer, betterOf(pair, roles, each.entry), expected)
        : pair.map((body) => body?.answer !== undefined && plainly(body.answer));
    return html`<section class="sides sample" aria-label=${which}>
      ${pair.map((body, side) =>
        body
          ? html`<${Body} ...${{ body, which, text: texts[side], own: ownOf(body), id: each.entry.id }} />`
          : html`<div class="side soft">${roles[side]}, ${which}: not drawn</div>`,
      )}
    </section>`;
  };
  return html`${common > 0 && html`<${Asked} messages=${questions[0].slice(0, common)} />`}
    ${expected && html`<${Expected} text=${expected} />`}
    <h3>${roles.length === 2 ? "Answers, sample by sample" : "Answers"}</h3>
    ${roles.length === 2 && html`<p class="soft">${DIFFERENCES}</p>`}
    ${[...rows.values()].map(row)}`;
}

/** Which role's answer has the better score in the metric that is looked at; null where none has, or none is better. */
function betterOf(pair, roles, entry) {
  if (entry.aim === "same") return null;
  const [one, other] = pair.map((body) => body.scores.find((score) => score.metric === entry.metric)?.value ?? null);
  if (one === null || other === null || one === other) return null;
  return roles[one > other === entry.higher_is_better ? 0 : 1];
}

/** How many messages all questions begin with: of a conversation the turns before versions or samples part. */
function inCommon(questions) {
  const [first = [], ...others] = questions;
  const isShared = ({ role, text }, at) => others.every((own) => own[at]?.role === role && own[at].text === text);
  const end = first.findIndex((message, at) => !isShared(message, at));
  return end < 0 ? first.length : end;
}

const rest = (number) => number > 0 && `${count(number)} more characters`;

function Body({ body, text, own, which, id }) {
  const facts = [
    body.finish === "length" ? "cut at max_tokens" : body.finish,
    body.tokens !== undefined && plural(body.tokens, "token"),
    body.latency_s >= 0.005 && `${body.latency_s.toFixed(2)} s`,
    body.cost !== undefined && `cost ${Number(body.cost.toPrecision(3))}`,
    body.loglikelihood !== undefined && `log-likelihood ${body.loglikelihood.toFixed(3)}`,
  ];
  const none =
    body.answer === undefined
      ? "no answer is stored: it asked nothing, or the answer was pruned"
      : !body.answer && !body.calls && body.loglikelihood === undefined && "an empty answer";
  const cut = rest(body.answer_cut);
  return html`<div class="side">
    <h4>${body.role}, ${which}<span class="costs">${facts.filter(Boolean).join(" · ")}</span></h4>
    ${own.length > 0 && html`<${Asked} messages=${own} />`}
    ${own.length > 0 && body.answer && html`<h3 class="label">answer</h3>`}
    ${none ? html`<p class="soft">${none}</p>` : body.answer && text}
    ${(body.calls ?? []).map(
      (call) =>
        html`<div class="call">
          <p class="soft">tool call <strong dir="auto">${call.name}</strong></p>
          ${call.arguments ? plainly(call.arguments) : html`<p class="soft">no arguments</p>`}
          ${rest(call.arguments_cut) && html`<p class="soft">${rest(call.arguments_cut)}</p>`}
        </div>`,
    )}
    ${cut && html`<p class="soft">${cut}: steelyard store show CASE prints all</p>`}
    ${body.context &&
    html`<details>
      <summary>${body.context.length ? `from ${plural(body.context.length, "passage")}` : "from no passage"}</summary>
      ${body.context.map(
        (passage) => html`<p class="soft" dir="auto">${passage.id}</p>${plainly(passage.text + (passage.text_cut ? "…" : ""))}`,
      )}
    </details>`}
    ${body.reasoning && html`<details><summary>reasoning</summary>${plainly(body.reasoning)}</details>`}
    ${body.scores.map((score) => scoreShown(score, body.scores.length > 1, id))} ${(body.labels ?? []).map(labelShown)}
  </div>`;
}

function scoreShown(score, isNamed, id) {
  const unit = ENTRIES.find((entry) => entry.id === id && entry.metric === score.metric)?.unit;
  const number = score.value === null ? "n/a" : `${Number(score.value.toPrecision(4))}${unit ? ` ${unit}` : ""}`;
  const value = score.outcome ?? number;
  const ofScore = score.value >= 1 ? "passed" : score.value <= 0 ? "failed" : "between";
  const kind = unit ? "person" : score.value === null ? "inconclusive" : ofScore;
  return html`<p class="why" dir="auto">
    <span class="score ${kind}">${isNamed && `${score.metric} `}${value}</span>${" "}
    ${score.judge && html`<span class="soft">judge ${score.judge}: </span>`}${score.reason}
    ${score.reason_cut && ` … ${rest(score.reason_cut)}`}
  </p>`;
}

function labelShown({ settles, value, by, score, note: text }) {
  const counts = score === null ? "" : ` (counts ${Number(score.toPrecision(3))})`;
  return html`<p class="why label" dir="auto">
    <span class="score person">${settles ? "settled" : "person"}: ${String(value)}</span>
    <span class="soft"> ${by}${counts} </span>${text}
  </p>`;
}
