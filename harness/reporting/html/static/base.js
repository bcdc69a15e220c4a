"use strict";
// The data is JSON in a block of its own, and everything that a model or a person wrote becomes a text node or the value
// of an attribute that is no script: no text is ever read as HTML, and the page's policy would run nothing of it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const MARKS = { passed: "✓", inconclusive: "?", regressed: "✗", failed: "✗", error: "!" };
const $ = (id) => document.getElementById(id);

/** Give an element attributes, listeners (functions) and children; null and false leave them out. */
function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) made.append(child);
  return made;
}

const element = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const shape = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

/** A verdict as a word with its mark, which tells it without colour, too. */
const chip = (verdict, words = verdict) =>
  element(
    "span",
    { class: `chip ${verdict}` },
    element("span", { "aria-hidden": "true" }, MARKS[verdict]),
    ` ${words}`,
  );

const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** A number as a reader wants it: 2 decimals of a score, 3 significant digits of a measure. */
function figure(value, entry) {
  if (value === null || value === undefined) return "n/a";
  if (!entry?.unit) return value.toFixed(2).replace(/^-(0\.0+)$/, "$1");
  const size = Math.abs(value);
  const places = size > 0 && size < 1e9 ? Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(size)))) : 0;
  return `${value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places })} ${entry.unit}`;
}

/** The score of one version in a case: "4/5" where every score is 0 or 1, else its mean. */
function mean(value, n, entry) {
  if (value === null || value === undefined) return "n/a";
  const right = value * n;
  const isCount = entry.is_binary && n > 0 && Math.abs(right - Math.round(right)) < 1e-4;
  return isCount ? `${Math.round(right)}/${n}` : figure(value, entry);
}

// ------------------------------------------------------------------------------------------------------- the cases

/** What the page knows of one case in one metric; `at` is its place among the cases that were decided by, or -1. */
function caseOf(number, index, at) {
  const entry = DATA.evaluations[number];
  const { cases } = entry;
  const set = DATA.sets[entry.set];
  const n = Array.isArray(cases.n) ? cases.n[at] : cases.n;
  return {
    number,
    entry,
    set: entry.set,
    index,
    at,
    id: set.cases[index],
    file: set.files[index],
    n: at < 0 ? 0 : n,
    candidate: at < 0 ? null : cases.candidate[at],
    baseline: at < 0 || !cases.baseline ? null : cases.baseline[at],
    state: at < 0 ? (set.outcomes.get(index) ?? "not counted") : entry.unit ? "" : stateOf(entry, at),
    isLabelled: set.said.has(index),
  };
}

const STATES = { s: "stable", f: "flaky", b: "broken" };

/** What the samples of a case look like; "worse", "better" or "different" where the baseline's score was another. */
function stateOf({ cases, higher_is_better, aim }, at) {
  const state = STATES[cases.state[at]];
  const [ours, theirs] = [cases.candidate[at], cases.baseline?.[at]];
  if (state !== "stable" || ours === null || theirs === null || theirs === undefined || ours === theirs) return state;
  if (aim === "same") return "different";
  return ours > theirs === higher_is_better ? "better" : "worse";
}

for (const set of DATA.sets) Object.assign(set, { outcomes: new Map(set.ended), said: new Set(set.labelled) });

/** All cases of a metric: those that it was decided by, then the others that were answered. */
function casesOf(number) {
  const { cases, set } = DATA.evaluations[number];
  const known = cases.at ?? cases.candidate.map((_, place) => place);
  const counted = new Set(known);
  const others = DATA.sets[set].cases.map((_, index) => index).filter((index) => !counted.has(index));
  return [...known.map((index, at) => caseOf(number, index, at)), ...others.map((index) => caseOf(number, index, -1))];
}

/** How much better the candidate is than the baseline in a case (without one: its score); more is better. */
function gain(each) {
  if (each.candidate === null) return null;
  const sign = each.entry.higher_is_better ? 1 : -1;
  if (!each.entry.baseline) return sign * each.candidate;
  if (each.baseline === null) return null;
  const moved = each.candidate - each.baseline;
  return each.entry.aim === "same" ? -Math.abs(moved) : sign * moved;
}

function scoresOf(each) {
  if (each.candidate === null) return "";
  const ours = mean(each.candidate, each.n, each.entry);
  return each.entry.baseline ? `${mean(each.baseline, each.n, each.entry)} → ${ours}` : ours;
}

const addressOf = (each) =>
  `#${new URLSearchParams({ case: each.id, in: each.entry.id, ...(isSole(each.entry) ? {} : { metric: each.entry.metric }) })}`;

const isSole = (entry) => DATA.evaluations.filter((other) => other.set === entry.set).length === 1;
