"""The engine process and its client: requests and events, the worker that holds the networks."""
