"use strict";
// Hides what does not contain all words of the search. Without this script the page shows everything.
(() => {
  const form = document.getElementById("search-form");
  const input = document.getElementById("search");
  const found = document.getElementById("found");
  const episodes = [...document.querySelectorAll("article.episode")];
  const rows = [...document.querySelectorAll("#findings > details tbody > tr, #prompts tbody > tr")];
  let texts = null;

  const plain = (text) => text.normalize("NFKC").toLowerCase();
  // Of an episode: its name, prompts, findings, error and origin, but not the numbers of frames.
  const searched = ".episode h3, .prompt, .finding > p, .findings li, .error, .origin";
  const textOf = (node) => {
    const parts = node.matches("article") ? [...node.querySelectorAll(searched)] : [node];
    return plain(parts.map((part) => part.textContent).join("\n"));
  };

  const search = () => {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    if (words.length && texts === null) {
      texts = new Map([...episodes, ...rows].map((node) => [node, textOf(node)]));
    }
    const matches = (node) => words.every((word) => texts.get(node).includes(word));
    for (const row of rows) {
      row.hidden = words.length > 0 && !matches(row);
    }
    let shown = 0;
    for (const episode of episodes) {
      episode.hidden = words.length > 0 && !matches(episode);
      shown += episode.hidden ? 0 : 1;
    }
    found.textContent = words.length ? `${shown} of ${episodes.length} episodes` : "";
  };

  // A link leads to an episode even if the search hides it.
  const reveal = () => {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return; // the address was changed by hand
    }
    if (target === null) {
      return;
    }
    if (target.hidden) {
      input.value = "";
      search();
    }
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
    }
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  };

  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  window.addEventListener("hashchange", reveal);
  form.hidden = false;
  if (location.hash) {
    reveal();
  }
})();
