// Puts a variable where the caret stands; the text works without it too.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-insert]");
  if (!button) {
    return;
  }
  const field = document.getElementById(button.dataset.into);
  const from = field.selectionStart;
  field.setRangeText(button.dataset.insert, from, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
