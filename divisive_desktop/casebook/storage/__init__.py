"""How a casebook lies on disk: database, migrations, audit chain, blobs, lock, transactions."""
