//! What is wrong with a submitted card, field by field.

/// One fault: where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field as a person would point at it: `skills[2].id`; empty for the whole card.
    pub field: String,
    /// What is wrong and what to change.
    pub message: String,
}

/// Every fault found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<FieldFault>);

impl Faults {
    /// Notes one more.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldFault { field: field.into(), message: message.into() });
    }

    /// The value if nothing was wrong.
    ///
    /// # Errors
    /// All faults noted.
    pub fn or<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The faults in the order they were found.
    pub fn list(&self) -> &[FieldFault] {
        &self.0
    }

    /// One fault alone.
    pub fn one(field: impl Into<String>, message: impl Into<String>) -> Faults {
        let mut faults = Faults::default();
        faults.add(field, message);
        faults
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            match fault.field.as_str() {
                "" => write!(out, "{separator}{}", fault.message)?,
                field => write!(out, "{separator}{field}: {}", fault.message)?,
            }
        }
        Ok(())
    }
}
