"""The only room with Qt: window, viewer, tools, panels, dialogs, actions table, theme."""
