"""What a casebook keeps, one module per table or group of tables."""
