//! seedfs for Python.
