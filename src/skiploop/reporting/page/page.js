"use strict";
// The page works without this; with it, inputs can be filtered, and links open what is folded in any browser.
// Shows the inputs that match the form above them; without scripts all of them are shown and the form is not.
for (const explorer of document.querySelectorAll(".explorer")) {
  const form = explorer.querySelector("form");
  const inputs = [...explorer.querySelectorAll("details.input")];
  const found = (input) => {
    const text = form.text.value.trim().toLowerCase();
    const words = () => input.querySelector("summary").textContent + "\n" + input.querySelector("dl").textContent;
    return (!form.level.value || input.dataset.level === form.level.value)
      && (!form.transition.value || input.dataset.transition === form.transition.value)
      && (!text || words().toLowerCase().includes(text));
  };
  const filter = () => {
    let count = 0;
    for (const input of inputs) {
      input.hidden = !found(input);
      count += !input.hidden;
    }
    form.querySelector("output").textContent = count + " of " + inputs.length;
    explorer.querySelector(".none").hidden = count > 0;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
// A link into a folded section opens it, also in browsers that don't do so by themselves.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", reveal);
document.addEventListener("click", (event) => { if (event.target.closest("a[href='" + location.hash + "']")) reveal(); });
reveal();
// Paper can't be clicked: all that is folded is printed open, and folded again afterwards.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open]):not(.input)")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
