// The texts of the operator that this browser keeps: prompts and the draft of a script. They end with the session.

export const PROMPTS_KEY = 'odyssey_console_prompts';
export const SCRIPT_KEY = 'odyssey_console_script';

/** Remove the texts: somebody else may use this browser next. */
export function forgetTexts() {
  try {
    for (const key of [PROMPTS_KEY, SCRIPT_KEY]) localStorage.removeItem(key);
  } catch {
    // A browser without storage keeps nothing.
  }
}
