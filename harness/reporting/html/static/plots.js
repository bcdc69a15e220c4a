// ------------------------------------------------------------------------------------------------- plots of intervals

const percent = (share) => `${(100 * share).toFixed(3)}%`;
const negated = (value) => (value === null ? null : -value);
const MOST_MARGINS = 6; // how far a scale goes for the sake of a bar: one that is very wide would flatten all others

/** A comparison turned so that more is better; a bound that is not finite reaches to the edge. */
function oriented({ difference }, entry) {
  const { value, low, high } = difference;
  return entry.higher_is_better ? { value, low, high } : { value: negated(value), low: negated(high), high: negated(low) };
}

/** From where to where the bars of these comparisons reach, with 0 and the margins in it, and some air. */
function reach(pairs) {
  const turned = pairs.map(([check, entry]) => oriented(check, entry));
  const known = (name) => turned.map((each) => each[name]).filter((value) => value !== null);
  const margin = Math.max(0, ...pairs.map(([check]) => check.allowed)) || 0.05;
  const far = pairs.some(([, entry]) => entry.aim === "same") ? 1.2 : 0.2;
  const [lows, highs, values] = ["low", "high", "value"].map(known);
  const low = Math.min(-1.2 * margin, ...values, Math.max(Math.min(...lows), -MOST_MARGINS * margin));
  const high = Math.max(far * margin, ...values, Math.min(Math.max(...highs), (MOST_MARGINS / 2) * margin));
  const air = (high - low) * 0.06;
  return [low - air, high + air];
}

/** What a comparison weighs the candidate against. */
const otherOf = ({ against }, entry) => (against === "threshold" ? `the threshold ${figure(entry.threshold, entry)}` : `the ${against}`);

/** The bar of one comparison: its range against 0 and the margin. */
function bar(check, entry, [least, most], height = 22) {
  const { value, low, high } = oriented(check, entry);
  const at = (number) => percent(clamp((number - least) / (most - least), 0, 1));
  const [middle, { allowed, verdict }] = [height / 2, check];
  const label = `${verdict} against ${otherOf(check, entry)}: difference ${check.figure}, margin ${check.margin}`;
  const upright = (kind, x, y1, y2) => html`<line class=${kind} x1=${at(x)} x2=${at(x)} y1=${y1} y2=${y2} />`;
  // a bar that goes on beyond the scale ends in an arrowhead
  const arrow = (x, way) => html`<svg x=${x} y=${middle} height="1" aria-hidden="true">
    <path class="end beyond ${verdict}" d="M${7 * way} -5L0 0L${7 * way} 5" />
  </svg>`;
  const width = percent(((entry.aim === "same" ? 2 : 1) * allowed) / (most - least));
  return html`<svg class="bar-plot" height=${height} role="img" aria-label=${label}>
    <title>${label}</title>
    <rect class="margin" x=${at(-allowed)} width=${width} y="1" height=${height - 2} />
    ${upright("allowed", -allowed, 1, height - 1)} ${entry.aim === "same" && upright("allowed", allowed, 1, height - 1)}
    ${upright("zero", 0, 0, height)}
    ${value !== null &&
    html`<line class="range ${verdict}" x1=${at(low ?? least)} x2=${at(high ?? most)} y1=${middle} y2=${middle} />
      ${(low === null || low < least) && arrow("0%", 1)} ${(high === null || high > most) && arrow("100%", -1)}
      ${low !== null && low >= least && upright(`end ${verdict}`, low, middle - 4, middle + 4)}
      ${high !== null && high <= most && upright(`end ${verdict}`, high, middle - 4, middle + 4)}
      <circle class="dot ${verdict}" cx=${at(value)} cy=${middle} r="4.5" />`}
  </svg>`;
}

/** A table that scrolls by itself where the screen is narrow. */
const Table = ({ heads, rows, kind = "compact" }) =>
  html`<div class="scroll">
    <table class=${kind}>
      <thead><tr>${heads.map((head) => (head ? html`<th scope="col">${head}</th>` : html`<td></td>`))}</tr></thead>
      <tbody>${rows}</tbody>
    </table>
  </div>`;
const cell = (text) => html`<td class="number">${text}</td>`;

/** The slices of an evaluation as a forest plot, the worst first; each opens its cases. */
function Slices({ entry }) {
  const weighed = entry.slices.filter((each) => each.difference);
  const domain = weighed.length ? reach(weighed.map((each) => [each, entry])) : null;
  const heads = ["slice", "cases", "candidate", entry.baseline ? "baseline" : null, ...(domain ? ["difference", ""] : [])];
  const row = (each) =>
    html`<tr>
      <th scope="row" title=${each.reason}>
        ${chip(each.verdict)}${" "}
        <button class="plain" type="button" dir="auto" onClick=${() => showCases({ of: entry.name, slice: each.words.name })}>
          ${each.words.name}
        </button>
      </th>
      ${cell(count(each.n_cases))} ${cell(each.words.candidate)}
      ${entry.baseline && cell(each.words.baseline)} ${domain && cell(each.figure)}
      ${domain && html`<td class="slice-plot">${each.difference && bar(each, entry, domain)}</td>`}
    </tr>`;
  return html`<figure class="chart">
    <figcaption><h4>Slices</h4><p class="soft">${entry.sliced}</p></figcaption>
    <${Table} kind="compact slices" heads=${heads.filter((head) => head !== null)} rows=${entry.slices.map(row)} />
  </figure>`;
}

/** The pairs of blocks of an evaluation under load: both figures, their ratio, and why one can't be trusted. */
function Pairs({ entry }) {
  const numberOf = (each) => Number(each.id.match(/\d+$/)?.[0] ?? 0);
  const logOf = ({ candidate, baseline }) => (candidate > 0 && baseline > 0 ? Math.log(candidate / baseline) : null);
  const every = [...entry.every].sort((one, other) => numberOf(one) - numberOf(other));
  const logs = every.map(logOf).filter((log) => log !== null);
  const [sign, isSame] = [entry.higher_is_better ? 1 : -1, entry.aim === "same"];
  const band = entry.margin_is_relative ? Math.abs(Math.log1p(-sign * entry.margin)) : 0;
  const farthest = 1.15 * Math.max(band, 0.01, ...logs.map(Math.abs));
  const at = (log) => percent(0.5 + (0.5 * log) / farthest);
  const plot = (better) => {
    const kind = isSame ? "" : better < 0 ? "regressed" : "passed";
    return html`<svg height="16" aria-hidden="true">
      <rect class="margin" x=${at(-band)} width=${percent((0.5 * band * (isSame ? 2 : 1)) / farthest)} y="1" height="14" />
      <line class="lane" x1="0%" x2="100%" y1="8" y2="8" /><line class="zero" x1="50%" x2="50%" y1="0" y2="16" />
      <line class="range ${kind}" x1="50%" x2=${at(better)} y1="8" y2="8" />
      <circle class="dot ${kind}" cx=${at(better)} cy="8" r="4" />
    </svg>`;
  };
  const row = (each) => {
    const [why, log, name] = [entry.untrusted[each.id], logOf(each), html`<th scope="row">${each.id}</th>`];
    if (why !== undefined || each.candidate === null)
      return html`<tr class="untrusted">
        ${name}<td colspan=${entry.baseline ? 4 : 1}>${chip("error", "not counted")} ${why ?? "no figure"}</td>
      </tr>`;
    if (!entry.baseline) return html`<tr>${name}${cell(figure(each.candidate, entry))}</tr>`;
    return html`<tr>
      ${name} ${cell(figure(each.baseline, entry))} ${cell(figure(each.candidate, entry))}
      ${cell(log === null ? "n/a" : Math.exp(log).toFixed(3))}
      <td class="pair-plot">${log !== null && plot(sign * log)}</td>
    </tr>`;
  };
  const heads = entry.baseline ? ["pair", "baseline", "candidate", "ratio", ""] : ["pair", "candidate"];
  const worse = every.filter((each) => each.gain < 0 && logOf(each) !== null).length;
  const sides = isSame ? "in the middle both are equal;" : "right of the line is better,";
  return html`<figure class="chart">
    <figcaption>
      <h4>Pair by pair</h4>
      ${logs.length > 0 &&
      html`<p class="soft">
        The candidate ${isSame ? "differs" : "is worse"} in ${worse} of ${plural(logs.length, "pair")}. A ratio is the
        candidate's figure to the baseline's; ${sides} the grey band is the margin.
      </p>`}
    </figcaption>
    <${Table} kind="compact pairs" rows=${every.map(row)} heads=${heads} />
  </figure>`;
}
