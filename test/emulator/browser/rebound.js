// What a page can do whose host name has become an address of the emulator (DNS rebinding).
window.scenarios = {
  async rebound({ apiKey }) {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ api_key: apiKey });
    const status = async (path, options) => (await fetch(path, options)).status;
    return {
      page: await status("/config"),
      token: await status("/auth/token", { method: "POST", headers, body }),
      control: await status("/control/faults", { method: "POST", headers, body: '{"fault": "track_end"}' }),
    };
  },
};
