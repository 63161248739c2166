"""The frame of the window: actions, menus, messages, status bar, inspector. Knows no feature."""
