"""The engine process and its client: requests and events, and what answers them."""
