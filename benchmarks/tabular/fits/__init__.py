"""A file a library: ``fit(train, job)`` trains on a CSV file and returns a `Predict`."""
