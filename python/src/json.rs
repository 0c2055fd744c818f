//! Documents as Python has them.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use seedfs::dataset::{ConfigErrors, DatasetConfig};
use serde_json::{Map, Number, Value};

/// A document as dicts, lists, numbers and text.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => number.into_pyobject(py)?.into_any(),
            (_, Some(number), _) => number.into_pyobject(py)?.into_any(),
            (.., number) => PyFloat::new(py, number.unwrap_or_default()).into_any(),
        },
        Value::String(text) => PyString::new(py, text).into_any(),
        // Documents are as deep as their schema: nobody's bytes nest them.
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            for (name, field) in fields {
                dict.set_item(name, to_python(py, field)?)?;
            }
            dict.into_any()
        }
    })
}

/// The verdict that a document gives, as `seedfs.Verdict`.
pub(crate) fn to_verdict(py: Python<'_>, document: &Value) -> PyResult<Py<PyAny>> {
    let class = py.import("seedfs._verdict")?.getattr("Verdict")?;
    Ok(class.call1((to_python(py, document)?,))?.unbind())
}

/// The options of a dataset, as keywords. Those that are `None` are left out.
pub(crate) fn to_config(options: &Bound<'_, PyDict>) -> PyResult<DatasetConfig> {
    let mut fields = Map::new();
    for (name, value) in options {
        let name: String = name.extract()?;
        if !value.is_none() {
            let value = to_value(&name, &value)?;
            fields.insert(name, value);
        }
    }
    // Any value can be read; what may stand is told by the validation.
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| PyTypeError::new_err(format!("Dataset(): {error}")))
}

fn to_value(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_instance_of::<PyString>() {
        return Ok(Value::String(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        // Its digits, as they were typed on a command line: there is no largest one.
        return Ok(Value::String(value.str()?.extract()?));
    }
    if value.is_instance_of::<PyFloat>() {
        let number = Number::from_f64(value.extract()?);
        // JSON has no others, and a `null` would be the default.
        return number.map(Value::Number).ok_or_else(|| {
            PyValueError::new_err(format!("{name} '{value}': expected a finite number"))
        });
    }
    if name == "content"
        && let Ok(table) = value.cast::<PyDict>()
    {
        let text = |it: Bound<'_, PyAny>| {
            it.extract().map_err(|_| {
                PyTypeError::new_err(format!("{name}: expected a dict of text, not {value}"))
            })
        };
        let fields =
            table.iter().map(|(key, content)| Ok((text(key)?, Value::String(text(content)?))));
        return Ok(Value::Object(fields.collect::<PyResult<_>>()?));
    }
    if value.hasattr("__index__")? && !value.is_instance_of::<PyBool>() {
        return to_value(name, &value.call_method0("__index__")?);
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("{name}: expected text or a number, not '{kind}'")))
}

/// All that is wrong with options, by the names that they have here.
pub(crate) fn refuse_options(errors: &ConfigErrors) -> PyErr {
    let told = errors.iter().map(|error| {
        let name = error.option.trim_start_matches('-').replace('-', "_");
        format!("{name} '{}': {}", error.value, error.message)
    });
    PyValueError::new_err(told.collect::<Vec<_>>().join("\n"))
}

/// What is wrong with something.
pub(crate) fn refuse(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
