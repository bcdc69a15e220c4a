// -------------------------------------------------------------------------------------------------------- one case

let opened = null; // { each, list }: the case on the sheet, and those that j and k go through
let cameFrom = null;

/** Show a case; `list` are the cases around it. */
function openCase(each, list) {
  if (!$("sheet").open) cameFrom = document.activeElement;
  opened = { each, list };
  const address = addressOf(each);
  if (location.hash !== address) history.replaceState(null, "", address);
  showSheet(element("p", { class: "soft" }, "Loading …"));
  if (!$("sheet").open) $("sheet").showModal();
  $("sheet-title").focus();
  detailsOf(each).then(
    (known) => opened?.each === each && showSheet(...answersShown(each, known)),
    (error) => opened?.each === each && showSheet(element("p", { class: "note bad" }, error.message)),
  );
}

function step(by) {
  const place = opened.list.findIndex((each) => each.number === opened.each.number && each.index === opened.each.index);
  const next = opened.list[place + by];
  if (next) openCase(next, opened.list);
}

function showSheet(...content) {
  const { each, list } = opened;
  const place = list.findIndex((other) => other.number === each.number && other.index === each.index);
  const hadFocus = document.activeElement?.dataset?.act;
  const press = (act, words, key, by) =>
    element(
      "button",
      { class: "act", type: "button", "data-act": act, disabled: !list[place + by], click: () => step(by) },
      words,
      " ",
      element("kbd", {}, key),
    );
  const metrics = DATA.evaluations.map((entry, number) => [entry, number]).filter(([entry]) => entry.set === each.set);
  const at = (number) => casesOf(number).find((other) => other.index === each.index);
  $("sheet").replaceChildren(
    element(
      "header",
      {},
      element(
        "div",
        {},
        element("h2", { id: "sheet-title", tabindex: -1, dir: "auto" }, visible(each.id)),
        element("p", { class: "soft", dir: "auto" }, visible(each.entry.name)),
      ),
      element(
        "div",
        { class: "row" },
        list.length > 1
          ? element("span", { class: "soft number" }, `${place + 1} of ${list.length.toLocaleString("en")}`)
          : null,
        list.length > 1 ? press("previous", "Previous", "k", -1) : null,
        list.length > 1 ? press("next", "Next", "j", 1) : null,
        element(
          "button",
          { class: "act", type: "button", "data-act": "close", click: () => $("sheet").close() },
          "Close ",
          element("kbd", {}, "Esc"),
        ),
      ),
    ),
    element(
      "div",
      { class: "sheet-body" },
      element(
        "div",
        { class: "sums" },
        ...metrics.map(([entry, number]) => sum(at(number), metrics.length > 1 ? entry.metric : null)),
      ),
      ...content,
    ),
  );
  $("sheet").querySelector(`[data-act="${hadFocus}"]:not(:disabled)`)?.focus();
}

/** A case's scores in one metric. */
function sum(each, metric) {
  const note = {
    "not counted": "its evaluation was decided before its turn",
    skipped: "left out by its body",
    error: "a body broke",
  }[each.state];
  return element(
    "p",
    {},
    metric ? element("strong", {}, `${visible(metric)} `) : null,
    each.entry.baseline ? element("span", { class: "soft" }, "baseline → candidate ") : null,
    element("span", { class: "scores" }, scoresOf(each)),
    " ",
    element("span", { class: `state ${each.state.replace(" ", "-")}` }, each.state),
    note ? element("span", { class: "soft" }, ` ${note}`) : null,
  );
}

function answersShown(each, known) {
  const roles = ["baseline", "candidate"].filter((role) => known.bodies.some((body) => body.role === role));
  const indices = [...new Set(known.bodies.map((body) => body.sample))].sort((one, other) => one - other);
  const body = (role, sample) => known.bodies.find((other) => other.role === role && other.sample === sample);
  const questions = known.bodies.filter((other) => other.asked !== undefined).map((other) => known.asked[other.asked]);
  const common = inCommon(questions);
  const expected = DATA.changes.find((change) => change.set === each.set && change.case === each.index)?.expected;
  const rows = indices.map((sample) => {
    const pair = roles.map((role) => body(role, sample));
    const both =
      pair.length === 2 && pair.every((other) => other?.answer !== undefined) && pair[0].answer !== pair[1].answer;
    const texts = both
      ? compared(pair[0].answer, pair[1].answer, { better: betterOf(pair, roles, each.entry), expected })
      : pair.map((other) => (other?.answer === undefined ? null : prose([[other.answer, false]])));
    return element(
      "section",
      { class: "sides sample", "aria-label": `Sample ${sample + 1}` },
      ...pair.map((other, side) =>
        other
          ? bodyShown(other, texts[side], known, { set: each.set, common })
          : element("div", { class: "side soft" }, `${roles[side]}, sample ${sample + 1}: not drawn`),
      ),
    );
  });
  return [
    common ? asked(questions[0].slice(0, common)) : null,
    expected ? expectedShown(expected) : null,
    element("h3", {}, roles.length === 2 ? "Answers, sample by sample" : "Answers"),
    roles.length === 2 ? element("p", { class: "soft" }, DIFFERENCES) : null,
    ...rows,
  ].filter(Boolean);
}

const DIFFERENCES =
  "Words that differ are green in the answer with the better score and red in the other, and green where the expected answer has them; yellow where nothing tells which is right.";

/** Which role's answer has the better score in the metric that is looked at; null where none has, or none is better. */
function betterOf(pair, roles, entry) {
  if (entry.aim === "same") return null;
  const [one, other] = pair.map((body) => body.scores.find((score) => score.metric === entry.metric)?.value ?? null);
  if (one === null || other === null || one === other) return null;
  return roles[one > other === entry.higher_is_better ? 0 : 1];
}

const asked = (messages) =>
  element("div", { class: "asked", role: "group", "aria-label": "What was asked" }, ...conversation(messages));

const expectedShown = (text) =>
  element(
    "div",
    { class: "asked expected", role: "group", "aria-label": "What is expected" },
    element("h3", { class: "label" }, "expected"),
    prose([[text, false]]),
  );

const entryOf = (set, metric) => DATA.evaluations.find((entry) => entry.set === set && entry.metric === metric);

/** How many messages all questions begin with: of a conversation the turns before versions or samples part. */
function inCommon(questions) {
  const [first = [], ...others] = questions;
  const isShared = (message, place) =>
    others.every((other) => other[place]?.role === message.role && other[place].text === message.text);
  const end = first.findIndex((message, place) => !isShared(message, place));
  return end < 0 ? first.length : end;
}

function bodyShown(body, text, known, { set, common }) {
  const own = body.asked === undefined ? [] : known.asked[body.asked].slice(common);
  const tokens = body.tokens === undefined ? null : plural(body.tokens, "token");
  const facts = [
    body.finish === "length" ? "cut at max_tokens" : body.finish,
    tokens,
    !(body.latency_s >= 0.005) ? null : `${body.latency_s.toFixed(2)} s`,
    body.cost === undefined ? null : `cost ${Number(body.cost.toPrecision(3))}`,
    body.loglikelihood === undefined ? null : `log-likelihood ${body.loglikelihood.toFixed(3)}`,
  ];
  const none =
    body.answer === undefined
      ? "no answer is stored: it asked nothing, or the answer was pruned"
      : body.answer || body.calls || body.loglikelihood !== undefined
        ? null
        : "an empty answer";
  return element(
    "div",
    { class: "side" },
    element(
      "h4",
      {},
      `${body.role}, sample ${body.sample + 1}`,
      element("span", { class: "costs" }, facts.filter(Boolean).join(" · ")),
    ),
    own.length ? asked(own) : null,
    own.length && body.answer ? element("h3", { class: "label" }, "answer") : null,
    none ? element("p", { class: "soft" }, none) : body.answer ? text : null,
    ...(body.calls ?? []).map(callShown),
    body.answer_cut
      ? element(
          "p",
          { class: "soft" },
          `${body.answer_cut.toLocaleString("en")} more characters: steelyard store show CASE prints all`,
        )
      : null,
    body.context ? passagesShown(body.context) : null,
    body.reasoning
      ? element("details", {}, element("summary", {}, "reasoning"), prose([[body.reasoning, false]]))
      : null,
    ...body.scores.map((score) => scoreShown(score, body.scores.length > 1, entryOf(set, score.metric))),
    ...(body.labels ?? []).map(labelShown),
  );
}

/** A tool that the model calls, with the arguments that it gives. */
const callShown = (call) =>
  element(
    "div",
    { class: "call" },
    element("p", { class: "soft" }, "tool call ", element("strong", { dir: "auto" }, visible(call.name))),
    call.arguments ? prose([[call.arguments, false]]) : element("p", { class: "soft" }, "no arguments"),
    call.arguments_cut
      ? element("p", { class: "soft" }, `${call.arguments_cut.toLocaleString("en")} more characters`)
      : null,
  );

/** The passages that an application answered from. */
const passagesShown = (passages) =>
  element(
    "details",
    {},
    element("summary", {}, passages.length ? `from ${plural(passages.length, "passage")}` : "from no passage"),
    ...passages.flatMap((passage) => [
      element("p", { class: "soft", dir: "auto" }, visible(passage.id)),
      prose([[passage.text_cut ? `${passage.text}…` : passage.text, false]]),
    ]),
  );

function scoreShown(score, named, entry) {
  const unit = entry?.unit;
  const value =
    score.outcome ?? (score.value === null ? "n/a" : `${Number(score.value.toPrecision(4))}${unit ? ` ${unit}` : ""}`);
  const kind = unit
    ? "person"
    : score.outcome
      ? "inconclusive"
      : score.value >= 1
        ? "passed"
        : score.value <= 0
          ? "failed"
          : "between";
  return element(
    "p",
    { class: "why", dir: "auto" },
    element("span", { class: `score ${kind}` }, named ? `${visible(score.metric)} ${value}` : value),
    score.judge ? element("span", { class: "soft" }, ` judge ${visible(score.judge)}: `) : " ",
    score.reason ? visible(score.reason) : null,
    score.reason_cut ? ` … ${score.reason_cut.toLocaleString("en")} more characters` : null,
  );
}

function labelShown(label) {
  const counts = label.score === null ? "" : ` (counts ${Number(label.score.toPrecision(3))})`;
  return element(
    "p",
    { class: "why label", dir: "auto" },
    element(
      "span",
      { class: "score person" },
      `${label.settles ? "settled" : "person"}: ${visible(String(label.value))}`,
    ),
    element("span", { class: "soft" }, ` ${visible(label.by)}${counts} `),
    label.note ? visible(label.note) : null,
  );
}
