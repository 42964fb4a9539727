// Runs one scenario in a headless Chromium: node drive.mjs <modules> <chromium> <page URL> <scenario> <arguments>.
// Prints the result of the scenario as JSON; the console of the page goes to standard error.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, executablePath, pageUrl, scenario, scenarioArguments] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)("playwright-core");

const browser = await chromium.launch({
  executablePath,
  timeout: 120_000,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    // Media must stay on loopback, which a browser leaves out or hides behind mDNS names by default.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    // The host names of the hostile pages.
    "--host-resolver-rules=MAP *.example 127.0.0.1",
  ],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on("console", (message) => process.stderr.write(`${message.text()}\n`));
  page.on("pageerror", (error) => process.stderr.write(`${error}\n`));
  page.on("requestfailed", (request) => process.stderr.write(`${request.url().split("?")[0]} failed\n`));
  await page.goto(pageUrl);
  if (scenario === "rebound") {
    // The page is an answer of the emulator itself; an attacker's page would have been loaded before.
    await page.evaluate(readFileSync(new URL("rebound.js", import.meta.url), "utf8"));
  }
  await page.waitForFunction(() => window.scenarios !== undefined);
  process.stderr.write("the page is ready\n");
  const seen = await page.evaluate(
    ([name, given]) => window.scenarios[name](given),
    [scenario, JSON.parse(scenarioArguments)],
  );
  process.stdout.write(JSON.stringify(seen));
  process.stderr.write("the scenario has ended\n");
} finally {
  await browser.close();
}
