// ---------------------------------------------------------------------- the evaluations, requirements, and the run itself

const SHARED = reach(ENTRIES.filter((entry) => !entry.unit).flatMap((entry) => entry.checks.map((check) => [check, entry])));
const opened = new Set(ENTRIES.length === 1 ? ENTRIES : []);

const idOf = (entry) => `evaluation-${ENTRIES.indexOf(entry)}`;
const addressOf = (entry) => `#${new URLSearchParams({ evaluation: entry.id, metric: entry.metric })}`;
const domainOf = (entry) => (entry.unit ? reach(entry.checks.map((check) => [check, entry])) : SHARED);

function toggle(entry, open = !opened.has(entry)) {
  if (open) opened.add(entry);
  else opened.delete(entry);
  draw();
}

/** One evaluation as a line that opens: what it came to, and the comparison that decided. */
function Evaluation({ entry }) {
  const [check, id] = [entry.checks[0], idOf(entry)];
  const panel = id.replace("evaluation", "panel");
  const isOpen = opened.has(entry);
  const open = () => toggle(entry);
  return html`<article class="evaluation ${entry.verdict}" id=${id}>
    <h3 class="line">
      <button class="stop head" type="button" aria-expanded=${String(isOpen)} aria-controls=${panel} onClick=${open}>
        ${chip(entry.verdict)}
        <span class="what">
          <strong class="name" dir="auto">${entry.name}</strong>
          <span class="reason" dir="auto">${arrows((entry.sentence || entry.reason).split("\n", 1)[0])}</span>
        </span>
      </button>
    </h3>
    <p class="figures number">${arrows(entry.figures)}</p>
    <div class="bars">
      ${check ? bar(check, entry, domainOf(entry)) : html`<span class="soft">${entry.candidate && "nothing required"}</span>`}
    </div>
    <div class="panel" id=${panel} hidden=${!isOpen}>${isOpen && html`<${Panel} entry=${entry} />`}</div>
  </article>`;
}

/** How we know: each comparison with its figures and method, the slices, and what the figures rest on. */
function Panel({ entry }) {
  const facts = [
    ...measured(entry),
    `about ${entry.about === "suite" ? "these cases" : "cases like these"}`,
    `design ${entry.design}`,
    entry.margin_is_default && "margin by default",
    ...entry.facts,
  ];
  const { candidate, baseline, anchor } = entry.ranges;
  return html`${entry.checks.map((check) => html`<${Statement} check=${check} entry=${entry} />`)}
    ${!entry.checks.length && !entry.errors.length && html`<p>${entry.reason}</p>`}
    ${entry.errors.length > 0 && html`<ul class="errors">${entry.errors.map((error) => html`<li dir="auto">${error}</li>`)}</ul>`}
    ${entry.traceback.length > 0 && html`<pre tabindex="0">${entry.traceback.join("\n")}</pre>`}
    ${candidate && html`<p class="soft">candidate ${candidate}${baseline && `, baseline ${baseline}`}${anchor && `, anchor ${anchor}`}</p>`}
    ${entry.slices.length > 0 && html`<${Slices} entry=${entry} />`}
    ${entry.in_blocks && entry.every.length > 0 && html`<${Pairs} entry=${entry} />`}
    <p class="soft facts">${facts.filter(Boolean).join(" · ")}</p>
    ${entry.requirement && html`<p class="soft facts" dir="auto">stands for: ${entry.requirement}</p>`}
    <p class="soft facts"><code>${entry.id}</code>${!entry.isSole && ` metric ${entry.metric}`}</p>
    ${entry.every.length > 0 &&
    html`<p><button class="act" type="button" onClick=${() => showCases({ of: entry.name })}>
      Show its ${plural(entry.every.length, "case")}
    </button></p>`}`;
}

/** The cases and samples that the figures rest on. */
function measured({ n_cases, n_samples, n_skipped, n_truncated, in_blocks, baseline }) {
  const blocks = baseline ? `${plural(n_cases, "pair")} of blocks` : plural(n_cases, "block");
  return [
    ...(in_blocks ? [blocks] : [plural(n_cases, "case"), `${plural(n_samples, "sample")} of the candidate`]),
    n_skipped > 0 && `${plural(n_skipped, "case")} skipped`,
    n_truncated > 0 && `${plural(n_truncated, "answer")} cut at max_tokens`,
  ];
}

function Statement({ check, entry }) {
  const more = check.samples_needed ? ` (${plural(check.samples_needed, "more sample")})` : "";
  return html`<div class="statement">
    <p>${chip(check.verdict)} Against ${otherOf(check, entry)}: <strong>${check.reason}</strong>${more}</p>
    ${bar(check, entry, domainOf(entry))}
    <p class="soft">
      difference <span class="number">${check.figure}</span>, margin ${check.margin}; ${check.difference.method}
    </p>
  </div>`;
}

/** All evaluations: in the order of the path's stages where there are several, the worst of each first. */
function Evaluations() {
  const stages = ["", ...STAGES].filter((stage) => ENTRIES.some((entry) => entry.stage === stage));
  const isHidden = (entry) => (place.words || place.state) && !named(entry) && !listed.some((each) => each.entry === entry);
  const shown = ENTRIES.filter((entry) => !isHidden(entry));
  const of = (stage) => shown.filter((entry) => entry.stage === stage);
  const same = ENTRIES.filter((entry) => entry.aim === "same").length;
  const better = same ? "right is better, or neither side" : "right is better";
  const sides = same && same === ENTRIES.length ? "in the middle both are equal" : better;
  const isBeyond = ({ low, high }) => low === null || high === null || low < SHARED[0] || high > SHARED[1];
  const goesOn = ENTRIES.some((entry) => !entry.unit && entry.checks.some((check) => isBeyond(oriented(check, entry))));
  const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2);
  return html`<section id="evaluations" aria-labelledby="evaluations-title" hidden=${ENTRIES.length > 0 && !shown.length}>
    <div class="title">
      <h2 id="evaluations-title">Evaluations</h2>
      ${ENTRIES.some((entry) => !entry.unit && entry.checks.length) &&
      html`<p class="legend" id="legend">
        difference, <span class="number">${SHARED.map(signed).join(" to ")}</span>: ${sides}, the grey band is the margin${goesOn && ", an arrowhead: the range goes on"}
      </p>`}
    </div>
    <div class="card rows" id="rows">
      ${!ENTRIES.length && html`<p class="empty">No evaluation was run.</p>`}
      ${stages.map(
        (stage) =>
          of(stage).length > 0 &&
          html`${stages.length > 1 && html`<p class="stage">${stage || "of no stage"}${" "}${chip(of(stage)[0].verdict)}</p>`}
            ${of(stage).map((entry) => html`<${Evaluation} key=${idOf(entry)} entry=${entry} />`)}`,
      )}
    </div>
  </section>`;
}

/** Requirements, business before non-functional, with the evaluations that stand for them and the worst verdict. */
function Requirements() {
  const groups = new Map();
  for (const entry of DATA.evaluations.map((own) => ENTRIES.find((each) => each.id === own.id && each.metric === own.metric))) {
    const [, kind = "business", text] = /^\s*(?:(business|non[- ]?functional)\s*:)?\s*(.*?)\s*$/is.exec(entry.requirement ?? "");
    const group = { kind: /^n/i.test(kind) ? "non-functional" : "business", text, entries: [] };
    const key = `${group.kind} ${text}`;
    groups.set(key, groups.get(key) ?? group).get(key).entries.push(entry);
  }
  const order = ({ kind, text }) => `${text ? 0 : 1} ${kind}`;
  const shown = [...groups.values()].sort((one, other) => (order(one) < order(other) ? -1 : order(one) > order(other) ? 1 : 0));
  if (!shown.some(({ text }) => text)) return null;
  const link = (entry) =>
    html`<a class="evaluation-link" href=${addressOf(entry)}>
      <span aria-hidden="true" class="mark ${entry.verdict}">${MARKS[entry.verdict]}</span>
      <span class="unseen">${entry.verdict}: </span> ${entry.name}
    </a>`;
  const row = ({ kind, text, entries }) =>
    html`<tr>
      <td>${kind}</td>
      <th scope="row" dir="auto">${text || html`<span class="soft">no requirement named</span>`}</th>
      <td>${entries.map(link)}</td>
      <td>${chip(entries.reduce((worst, each) => (rank(each) > rank(worst) ? each : worst)).verdict)}</td>
    </tr>`;
  return html`<section id="requirements" aria-labelledby="requirements-title">
    <div class="title"><h2 id="requirements-title">Requirements</h2></div>
    <div class="card"><${Table} kind="" heads=${["kind", "requirement", "evaluations", "verdict"]} rows=${shown.map(row)} /></div>
  </section>`;
}

/** What ran it, with what, and what a reader must know of it. */
function About() {
  const { python, machine, gpus, packages } = DATA.page.environment;
  const roles = [["candidate", DATA.candidate], ["baseline", DATA.baseline], ["anchor", DATA.anchor], ...DATA.judges.map((judge) => ["judge", judge])];
  const known = roles.filter(([, version]) => version);
  const versions = known.map(([role, { name, fingerprint }]) => [role, `${name}  ${fingerprint}`]);
  const run = { run: DATA.run_id, made: DATA.created, "confidence level": DATA.confidence_level, "exit code": DATA.exit_code };
  const counts = ["prompt_tokens", "completion_tokens", "http_requests"];
  const [prompts, answers, requests] = counts.map((name) => count(DATA.usage[name]));
  const groups = {
    Versions: [...versions, ...Object.entries(run)],
    Environment: Object.entries({ Python: python, machine, GPUs: gpus?.join(", "), ...packages }).filter(([, text]) => text),
    Usage: [
      ["run", DATA.page.usage.join(" · ")],
      ["tokens", `${prompts} of prompts, ${answers} of answers`],
      ["requests over a wire", requests],
    ],
  };
  const fact = ([label, text]) => html`<dt>${label}</dt><dd dir="auto">${String(text)}</dd>`;
  return html`<section id="run" aria-labelledby="run-title">
    <div class="title"><h2 id="run-title">The run</h2></div>
    <div class="about" id="about">
      ${DATA.notes.length > 0 &&
      html`<div class="card whole">
        <h3>Notes</h3>
        <ul>${DATA.notes.map(({ text }) => html`<li dir="auto">${text}</li>`)}</ul>
      </div>`}
      ${Object.entries(groups).map(
        ([title, facts]) => html`<div class="card"><h3>${title}</h3><dl>${facts.map(fact)}</dl></div>`,
      )}
    </div>
  </section>`;
}
