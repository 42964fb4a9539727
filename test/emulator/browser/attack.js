// What any web page can try against an emulator on the machine of its visitor.

async function answer(path, options = {}) {
  try {
    const response = await fetch(`${window.api}${path}`, options);
    return response.ok ? String(response.status) : `refused ${response.status}`;
  } catch {
    return "refused"; // the browser hides the answer from the page
  }
}

function socket(path) {
  return new Promise((resolve) => {
    const opened = new WebSocket(`${window.api.replace("http", "ws")}${path}`);
    opened.onopen = () => {
      opened.close(1000);
      resolve("open");
    };
    opened.onerror = () => resolve("refused");
  });
}

window.scenarios = {
  async attack({ apiKey, access, session, token }) {
    const json = { "Content-Type": "application/json" };
    const authorized = { ...json, Authorization: `Bearer ${access}` };
    const post = (headers, body) => ({ method: "POST", headers, body: JSON.stringify(body) });
    return {
      config: await answer("/config"),
      token: await answer("/auth/token", post(json, { api_key: apiKey })),
      // A request that needs no preflight.
      simple: await answer("/auth/token", { method: "POST", body: JSON.stringify({ api_key: apiKey }) }),
      telemetry: await answer("/telemetry", { method: "POST", body: "{}" }),
      job: await answer("/simulation-jobs", post(authorized, { script_url: "http://127.0.0.1:9/" })),
      recordings: await answer("/stream-recordings", { headers: authorized }),
      whep: await answer(`/live/x/whep?token=${token}`, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: "v=0",
      }).then((found) => found.split(" ")[0]),
      faults: await answer("/control/faults", post(json, { fault: "socket_drop" })),
      clear: await answer("/control/faults", { method: "DELETE" }),
      state: await answer("/control/state"),
      socket: await socket(`/client/${session}?token=${token}`),
    };
  },
};
