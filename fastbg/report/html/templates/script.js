(() => {
  "use strict";
  const views = [...document.querySelectorAll('input[name="view"]')];
  const blink = document.getElementById("blink");
  const PERIOD = 700;
  let timer = 0;

  const shown = () => views.find((view) => view.checked).value;
  const show = (name) => {
    document.getElementById(`view-${name}`).checked = true;
  };
  const swap = () => show(shown() === "after" ? "before" : "after");
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    blink.setAttribute("aria-pressed", "false");
  };
  const toggle = () => {
    if (timer) {
      stop();
      return;
    }
    swap();
    timer = setInterval(swap, PERIOD);
    blink.setAttribute("aria-pressed", "true");
  };

  blink.addEventListener("click", toggle);
  views.forEach((view) => view.addEventListener("change", stop));
  document.querySelector(".screen").addEventListener("click", () => {
    stop();
    swap();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "b") toggle();
    if (["1", "2", "3"].includes(key)) {
      stop();
      show(views[key - 1].value);
    }
  });
})();
