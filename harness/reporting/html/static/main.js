// ------------------------------------------------------------------------------------------------- page, keys, address

const WORDS = { RED: "red", INCONCLUSIVE: "yellow", INTERRUPTED: "yellow", GREEN: "green" };

function showVerdict() {
  const { run } = DATA;
  $("headline").replaceChildren(
    run.word ? element("span", { class: `word ${WORDS[run.word.split(",")[0]] ?? "red"}` }, run.word) : "",
    ` ${visible(run.headline)}`,
  );
  const strong = (text) => element("strong", { dir: "auto" }, visible(text));
  $("weighed").replaceChildren(
    element("span", {}, "candidate ", strong(run.candidate), run.kinds?.[0] ?? ""),
    run.chosen ? element("span", {}, run.chosen) : "",
    run.baseline === null ? "" : element("span", {}, "against ", strong(run.baseline), run.kinds?.[1] ?? ""),
    run.judges.length ? element("span", {}, "judged by ", strong(run.judges.join(", "))) : "",
    element("span", {}, `confidence ${run.confidence_level}`),
    element("span", {}, plural(DATA.evaluations.length, "evaluation")),
    element("span", {}, when(run.created)),
  );
  if (DATA.next.length)
    $("next").replaceChildren(
      element("h2", { class: "unseen" }, "What to do next"),
      element("ul", { class: "next" }, ...DATA.next.map((step) => element("li", { dir: "auto" }, ...todo(step)))),
    );
}

/** What to do: a command and what it is good for, or a sentence. */
function todo(step) {
  if (!step.command) return [visible(step.why)];
  return [element("code", {}, visible(step.command)), ` (${visible(step.why)})`];
}

function showFilters() {
  const option = (value, words) => element("option", { value }, words);
  $("state").append(
    ...Object.entries(KINDS)
      .filter(([name, [, isOf]]) => !name || everyCase().some(isOf))
      .map(([name, [words]]) => option(name, words)),
  );
  $("of").append(
    option("-1", "all evaluations"),
    ...DATA.evaluations.map((entry, number) => option(String(number), visible(entry.name))),
  );
  $("of").parentElement.hidden = !several();
  $("filters").hidden = false;
}

function clearFilters() {
  $("words").value = "";
  $("state").value = "";
  Object.assign(filter, { words: "", state: "", of: -1, slice: null });
  $("of").value = "-1";
  searched++;
  apply();
}

/** Show what the address names: a case, an evaluation, or a part of the page. */
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const metricFits = (entry) => !wanted.has("metric") || entry.metric === wanted.get("metric");
  if (wanted.has("case")) {
    const every = everyCase().filter((each) => each.id === wanted.get("case"));
    const named = every.find(
      (each) => (!wanted.has("in") || each.entry.id === wanted.get("in")) && metricFits(each.entry),
    );
    if (named) openCase(named, found.includes(named) ? found : [named]);
    else tellFound(`this report has no case ${visible(wanted.get("case"))}`);
  } else if (wanted.has("evaluation")) {
    const number = DATA.evaluations.findIndex((entry) => entry.id === wanted.get("evaluation") && metricFits(entry));
    if (number < 0) return;
    toggle(number, true);
    $(`evaluation-${number}`).scrollIntoView();
    $(`evaluation-${number}`).querySelector("button").focus({ preventScroll: true });
  }
}

/** Go to the next or previous evaluation or case on the page. */
function move(by) {
  const stops = [...document.querySelectorAll("main .stop")].filter(
    (each) => !each.disabled && each.offsetParent !== null,
  );
  const here = stops.indexOf(document.activeElement);
  const inView = stops.findIndex((each) => each.getBoundingClientRect().top >= 0);
  const next = stops[here < 0 ? Math.max(0, inView) : clamp(here + by, 0, stops.length - 1)];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape" && event.target === $("words") && !$("words").value) return $("words").blur();
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) return clearFilters();
  if (event.key === "Enter" && event.target === $("words")) {
    event.preventDefault();
    return $("case-list").querySelector(".case")?.focus();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || (field && !field.matches("[type=checkbox]"))) return;
  const isOpen = $("sheet").open;
  const acts = {
    j: () => (isOpen ? step(1) : move(1)),
    k: () => (isOpen ? step(-1) : move(-1)),
    "/": () => {
      $("sheet").close();
      $("words").focus();
      $("words").select();
    },
    "?": () => $("help").showModal(),
  };
  if ($("help").open || !acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
});

let typing = 0;
$("words").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => search(event.target.value), 120);
});
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  clearFilters();
});
$("state").addEventListener("change", (event) => {
  filter.state = event.target.value;
  apply();
});
$("of").addEventListener("change", (event) => {
  filter.of = Number(event.target.value);
  filter.slice = null;
  apply();
});
$("open-help").addEventListener("click", () => $("help").showModal());
$("sheet").addEventListener("close", () => {
  opened = null;
  if (location.hash.startsWith("#case=")) history.replaceState(null, "", location.pathname + location.search);
  cameFrom?.focus?.({ preventScroll: true });
});
$("sheet").addEventListener("click", (event) => event.target === $("sheet") && $("sheet").close());
addEventListener("hashchange", follow);

showVerdict();
showFilters();
showEvaluations();
titleChanges();
showRequirements();
showRun();
apply();
follow();
