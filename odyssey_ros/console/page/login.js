// The page to log in: sends the token in the body of a request, and opens the console.

import { Api } from './api.js';
import { forgetTexts } from './kept_texts.js';

const api = new Api();
const form = /** @type {HTMLFormElement} */ (document.getElementById('login'));
const field = /** @type {HTMLInputElement} */ (document.getElementById('token'));
const error = /** @type {HTMLElement} */ (document.getElementById('error'));
const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));

forgetTexts(); // the session before has ended

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  button.disabled = true;
  error.textContent = '';
  field.removeAttribute('aria-invalid');
  try {
    await api.post('/api/login', {}, { token: field.value });
    location.replace('/');
  } catch (failure) {
    error.textContent = /** @type {Error} */ (failure).message;
    field.setAttribute('aria-invalid', 'true');
    button.disabled = false;
    field.select();
  }
});
