"use strict";
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
addEventListener("beforeprint", () => document.querySelectorAll("details.more").forEach((each) => { each.open = true; }));
