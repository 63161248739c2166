"""Fine-tuning in the window: choose, watch, judge, keep.

``plan`` what a casebook offers to learn from · ``methods`` the five methods in a sentence and a picture · ``setup`` the
page before the start · ``run`` a run from the casebook's point of view · ``live``, ``curves``, ``gallery`` the page
during the run · ``verdict`` figures in words · ``result``, ``compare`` the page after it · ``dialog`` the window that
holds the pages · ``versions`` the tree of model versions · ``controller`` what the main window talks to.
Nothing of this is imported before it is asked for.
"""
