// The appearance: light, dark, or that of the system. The choice is remembered in this browser.

/** The appearances, with their titles. The first one is the default. */
export const THEMES = /** @type {const} */ ([['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']]);

const KEY = 'odyssey_console_theme';
const HEADER_COLOURS = { light: '#ffffff', dark: '#171d24' };

/** Return the appearance that was chosen last. */
export function chosenTheme() {
  const stored = readStored();
  return THEMES.find(([name]) => name === stored)?.[0] ?? 'system';
}

/**
 * Apply an appearance, and remember it.
 * @param {string} theme
 */
export function chooseTheme(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser without storage forgets the choice.
  }
  applyTheme(theme);
}

/** @param {string} theme */
function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) {
    const ofSystem = meta.getAttribute('media')?.includes('dark') ? 'dark' : 'light';
    meta.setAttribute('content', HEADER_COLOURS[theme === 'light' || theme === 'dark' ? theme : ofSystem]);
  }
}

function readStored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

applyTheme(chosenTheme());
