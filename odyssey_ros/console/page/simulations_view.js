// The view of simulations: the form of a new job and the list of jobs, or one job: #simulations/ID.

import { element } from './dom.js';
import { createJobList } from './job_list.js';
import { createJobView } from './job_view.js';
import { createSimulationForm } from './simulation_form.js';

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./tabs.js').View}
 */
export function createSimulationsView(context) {
  const list = createJobList(context);
  const job = createJobView(context);
  const form = createSimulationForm(context, () => list.refresh());
  const overview = element(
    'div.simulations-overview', {}, element('div.stack', {}, form.element, form.preview), list.element,
  );
  let shown = ''; // the job that the address names

  /** @param {string} rest */
  function open(rest) {
    const back = shown !== '' && rest === '';
    shown = rest;
    overview.hidden = rest !== '';
    if (rest !== '') {
      list.hide();
      job.open(rest);
    } else {
      job.close();
      list.show();
      if (back) list.element.querySelector('h2')?.scrollIntoView({ block: 'nearest' });
    }
  }

  return {
    element: element('div.simulations', {}, overview, job.element),
    show: () => open(shown),
    hide() {
      list.hide();
      job.close();
    },
    open,
  };
}
