const guide = document.getElementById("guidelines");
if (guide) guide.open = matchMedia("(min-width: 68rem)").matches;

// A key presses the choice that has it, and Enter goes on to the next item.
addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey, repeat }) => {
  if (ctrlKey || metaKey || altKey || repeat) return;
  const choices = [...document.querySelectorAll(".choice")];
  const next = document.getElementById("next");
  if (!next) choices.find((each) => each.dataset.keys.split(" ").includes(key))?.click();
  else if (key === "Enter" && document.activeElement === document.body) next.click();
});
