"""Fine-tuning in the window: choose, watch, judge, keep.

``plan`` what is chosen · ``preparation`` what the casebook offers for it · ``methods`` the methods in a sentence
and a picture · ``setup`` the page before the start · ``run`` a run from the casebook's point of view · ``live``,
``curves``, ``gallery`` the page during it · ``result``, ``tables``, ``compare`` the page after it · ``dialog`` the
window that holds the pages · ``versions`` the tree of model versions · ``controller`` what the main window talks to.
Pages are imported when they are asked for.
"""
