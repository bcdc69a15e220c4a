// ------------------------------------------------------------------------------------------------- page, keys, address

function Page() {
  return html`<div class="first">
      <section class="verdict" id="verdict" aria-label="Verdict"><${Verdict} /></section>
      <${Findings} />
      <${Steps} />
    </div>
    <${Evaluations} /><${Cases} /><${Requirements} /><${About} />`;
}
const draw = () => render(html`<${Page} />`, $("main"));

/** The address has what the list is narrowed to, and the case that is open. */
function keepAddress() {
  const { each } = current ?? {};
  const metric = each && !each.entry.isSole ? { metric: each.entry.metric } : {};
  const open = each ? { case: each.id, in: each.entry.id, ...metric } : {};
  const narrowed = Object.fromEntries(Object.entries(place).filter(([, value]) => value));
  const address = new URLSearchParams({ ...open, ...narrowed }).toString();
  history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
}

/** Show what the address names: a case, an evaluation, what the list is narrowed to. */
function follow() {
  const hash = location.hash.slice(1);
  if (hash && !hash.includes("=")) return; // a part of the page
  const wanted = visible(Object.fromEntries(new URLSearchParams(hash)));
  const fits = (entry, id) => (id ?? entry.id) === entry.id && (wanted.metric ?? entry.metric) === entry.metric;
  const narrowed = Object.fromEntries(Object.keys(place).map((name) => [name, wanted[name] ?? ""]));
  const named = "case" in wanted && CASES.find((each) => each.id === wanted.case && fits(each.entry, wanted.in));
  if (wanted.evaluation === undefined)
    filter(narrowed, wanted.case !== undefined && !named ? `this report has no case ${wanted.case}` : "");
  if (named) openCase(named, listed.includes(named) ? listed : [named]);
  const entry = wanted.evaluation && ENTRIES.find((each) => fits(each, wanted.evaluation));
  if (!entry) return;
  toggle(entry, true);
  $(idOf(entry)).scrollIntoView();
  $(idOf(entry)).querySelector("button").focus({ preventScroll: true });
}

/** Go to the next or previous evaluation or case on the page. */
function move(by) {
  const stops = [...document.querySelectorAll("main .stop")].filter((each) => !each.disabled && each.offsetParent !== null);
  const here = stops.indexOf(document.activeElement);
  const inView = stops.findIndex((each) => each.getBoundingClientRect().top >= 0);
  const next = stops[here < 0 ? Math.max(0, inView) : clamp(here + by, 0, stops.length - 1)];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape" && field === $("words") && !field.value) return field.blur();
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) return clearFilters();
  if (event.key === "Enter" && field === $("words")) {
    event.preventDefault();
    return $("case-list").querySelector(".case")?.focus();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || field || $("help").open) return;
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
  if (!Object.hasOwn(acts, event.key)) return;
  event.preventDefault();
  acts[event.key]();
});

$("open-help").addEventListener("click", () => $("help").showModal());
$("sheet").addEventListener("close", () => {
  current = null;
  keepAddress();
  cameFrom?.focus?.({ preventScroll: true });
});
$("sheet").addEventListener("click", (event) => event.target === $("sheet") && $("sheet").close());
addEventListener("hashchange", follow);

narrow();
$("main").replaceChildren();
draw();
document.querySelector('nav a[href="#requirements"]').hidden = !$("requirements");
if (location.hash.length > 1) follow();
fetchShown();
