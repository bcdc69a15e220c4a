"use strict";
// The data is report.json's document with words for its figures. Everything that a model or a person wrote is made
// harmless once, here, and becomes a text node or the value of an attribute: no text is ever read as HTML.

const { html, render } = htmPreact;
const $ = (id) => document.getElementById(id);

const UNSEEN =
  /\\ud[89ab]..\\ud[c-f]..|\\u([0-9a-f]{4})|\\.|[\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gs;

const isHidden = (code) =>
  (code < 32 && ![9, 10, 13].includes(code)) ||
  (code > 126 && code < 160) ||
  [0x200b, 0x200e, 0x200f, 0xfeff].includes(code) ||
  (code > 0x2027 && code < 0x202f) ||
  (code > 0x205f && code < 0x206a);

/** JSON whose control and direction characters are written out: they move nothing and hide nothing. */
const harmless = (json) =>
  json.replace(UNSEEN, (sign, escaped) => {
    const short = { "\\b": 8, "\\f": 12 }[sign];
    if (sign.length > 6 || (sign.length === 2 && !short)) return sign;
    const code = short ?? (escaped ? parseInt(escaped, 16) : sign.charCodeAt(0));
    if (code >= 0xd800 && code < 0xe000) return "\ufffd";
    const [letter, digits] = code < 256 ? ["x", 2] : ["u", 4];
    return isHidden(code) ? `\\\\${letter}${code.toString(16).padStart(digits, "0")}` : sign;
  });
const visible = (value) => JSON.parse(harmless(JSON.stringify(value)));

const DATA = JSON.parse(harmless($("data").textContent));
const SEVERITY = ["passed", "inconclusive", "regressed", "failed", "error"];
const MARKS = { passed: "✓", inconclusive: "?", regressed: "✗", failed: "✗", error: "!" };
const STAGES = ["data", "distillation", "foundation", "evaluation", "customization", "inference"];

/** Thousands apart. A browser's own formatter takes longer to start than the page to draw. */
function grouped(text) {
  const [whole, decimals] = text.split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (decimals ? `.${decimals}` : "");
}
const count = (number) => grouped(String(number));
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const arrows = (text) => (text ?? "").replaceAll("->", "→");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const rank = (entry) => SEVERITY.indexOf(entry.verdict);
const isRed = (entry) => rank(entry) > 1;

/** A verdict as a word with its mark, which tells it without colour, too. */
const chip = (verdict, words = verdict) =>
  html`<span class="chip ${verdict}"><span aria-hidden="true">${MARKS[verdict]}</span> ${words}</span>`;

/** A number as a reader wants it: 2 decimals of a score, 3 significant digits of a measure. */
function figure(value, entry) {
  if (value === null || value === undefined) return "n/a";
  if (!entry?.unit) return Number(value.toFixed(2)) === 0 ? "0.00" : value.toFixed(2);
  const size = Math.abs(value);
  const places = size > 0 && size < 1e9 ? clamp(2 - Math.floor(Math.log10(size)), 0, 6) : 0;
  return `${grouped(value.toFixed(places))} ${entry.unit}`;
}

/** The score of one version in a case: "4/5" where every score is 0 or 1, else its mean. */
function mean(value, n, entry) {
  if (value === null || value === undefined) return "n/a";
  const right = value * n;
  const isCount = entry.is_binary && n > 0 && Math.abs(right - Math.round(right)) < 1e-4;
  return isCount ? `${Math.round(right)}/${n}` : figure(value, entry);
}

const urgency = (entry) => (entry.is_accepted ? rank(entry) / SEVERITY.length : rank(entry));
// The evaluations, the worst first, accepted ones after all that count; each knows its stage, what decided it, and all its cases.
const ENTRIES = DATA.evaluations.map((entry) => ({ ...entry })).sort((one, other) => urgency(other) - urgency(one));
for (const entry of ENTRIES) {
  entry.stage = entry.id.split("::")[0].split("/").find((part) => STAGES.includes(part)) ?? "";
  const weight = ({ samples_needed }) => samples_needed ?? Number.MAX_VALUE;
  entry.checks.sort((one, other) => rank(other) - rank(one) || weight(other) - weight(one)); // the one that decided
  entry.isSole = ENTRIES.filter((other) => other.id === entry.id).length === 1;
  entry.every = [
    ...entry.cases.map((each) => ({ ...each, entry, state: entry.unit ? "" : stateOf(entry, each), isCounted: true })),
    ...entry.others.map((each) => ({ ...each, entry, n: 0, candidate: null, state: each.ended ?? "not counted" })),
  ];
  for (const each of entry.every) each.gain = gainOf(each);
}
const CASES = ENTRIES.flatMap((entry) => entry.every);
const several = ENTRIES.length > 1;

/** What the samples of a case look like; "worse", "better" or "different" where the baseline's score was another. */
function stateOf(entry, { state, candidate, baseline }) {
  if (state !== "stable" || candidate === null || (baseline ?? null) === null || candidate === baseline) return state;
  if (entry.aim === "same") return "different";
  return candidate > baseline === entry.higher_is_better ? "better" : "worse";
}

/** The gain: how much better the candidate is than the baseline in a case (without one: its score); more is better. */
function gainOf({ entry, candidate, baseline }) {
  if (candidate === null) return null;
  const sign = entry.higher_is_better ? 1 : -1;
  if (!entry.baseline) return sign * candidate;
  if (baseline === null) return null;
  return entry.aim === "same" ? -Math.abs(candidate - baseline) : sign * (candidate - baseline);
}

function scoresOf(each) {
  if (each.candidate === null) return "";
  const ours = mean(each.candidate, each.n, each.entry);
  return each.entry.baseline ? `${mean(each.baseline, each.n, each.entry)} → ${ours}` : ours;
}

// ------------------------------------------------------------------------------------------ details, loaded when wanted

const loading = new Map(); // number of a file → a promise of it
const details = new Map(); // id of an evaluation, id of a case → what it was asked and answered
const keyOf = (evaluation, id) => JSON.stringify([evaluation, id]);
// A page from disk can't fetch; a script tag may name no other file than one of the details.
const policy = window.trustedTypes?.createPolicy("steelyard", {
  createScriptURL(path) {
    if (!/^details\/\d+\.js$/.test(path)) throw new TypeError("not a file of details");
    return path;
  },
});

window.steelyard = {
  details(run, number, cases) {
    if (visible(run) !== DATA.run_id) return;
    for (const each of visible(cases)) details.set(keyOf(each.evaluation, each.case), each);
  },
};

/** Load a file of details, once. */
function load(number) {
  if (!loading.has(number)) {
    const loaded = new Promise((resolve, reject) => {
      const path = `details/${number}.js`;
      const script = document.createElement("script");
      script.addEventListener("load", () => resolve());
      script.addEventListener("error", () => {
        loading.delete(number);
        reject(new Error(`${path} is missing. Keep the folder “details” beside this page.`));
      });
      script.src = policy ? policy.createScriptURL(path) : path;
      document.head.append(script);
    });
    loading.set(number, loaded);
  }
  return loading.get(number);
}

const knownOf = (each) => details.get(keyOf(each.entry.id, each.id));

/** What a case was asked and answered; an error says why it can't be shown. */
async function detailsOf(each) {
  if (!each.file && DATA.page.is_cut)
    throw new Error(
      `Beside this page are the details of the first ${plural(DATA.page.n_bodies, "sample")}; this case is not among ` +
        "them. steelyard store show CASE prints them.",
    );
  if (!each.file) throw new Error("No answer of this case is stored.");
  await load(each.file);
  const known = knownOf(each);
  if (!known) throw new Error("The details beside this page are those of a newer report. Reload the page.");
  return known;
}
