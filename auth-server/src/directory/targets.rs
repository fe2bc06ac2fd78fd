//! MCP servers that tokens are made for.

use std::sync::Arc;

use access::check_capability;
use serde_json::json;
use store::directory::{Done, McpTarget, Wish};
use url::Url;

use super::draft::{is_slug, slug_of};
use super::key::hashed;
use super::page::Page;
use super::{Desk, TRIES, came_second, data, random_secret, show, tag};
use crate::agents::{Fields, IdentityError};
use crate::reply::Reply;

/// Life of tokens, unless it is said, in seconds.
const USUAL_LIFE: u64 = 300;
/// The shortest and the longest, in seconds.
const LIVES: std::ops::RangeInclusive<u64> = 30..=600;

fn find(desk: &Desk<'_>, name: &str) -> Result<Arc<McpTarget>, IdentityError> {
    desk.directory().target_named(name).cloned().ok_or(IdentityError::Absent("MCP server"))
}

pub(super) fn list(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    let page = Page::of(desk, &["q"])?;
    let fits = |target: &Arc<McpTarget>| {
        page.filters.iter().all(|(_, value)| {
            let value = value.to_lowercase();
            target
                .names()
                .chain([&*target.name, &*target.slug])
                .any(|text| text.to_lowercase().contains(&value))
        })
    };
    let mut found: Vec<Arc<McpTarget>> =
        desk.directory().targets().filter(|target| fits(target)).cloned().collect();
    found.sort_by(|one, other| one.slug.cmp(&other.slug));
    Ok(page.reply(&found, |target| show::target(target)))
}

pub(super) fn show(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let target = find(desk, name)?;
    Ok(data(200, &show::target(&target), None).header("etag", &tag(target.version)))
}

/// Makes a target, with the secret that it introspects with, which is shown this once.
pub(super) async fn create(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    let now = desk.app.now();
    let secret = random_secret(desk.app, "mis_");
    let mut target = McpTarget {
        id: desk.app.name("mcp_"),
        slug: String::new(),
        name: String::new(),
        resource_uri: String::new(),
        aliases: Vec::new(),
        required_capability: None,
        scopes_supported: Vec::new(),
        token_lifetime: USUAL_LIFE,
        introspection_hash: hashed(secret.expose()),
        created_by: desk.permit.by().to_owned(),
        created_at: now,
        updated_at: now,
        version: 0,
    };
    read_into(desk, &mut target)?;
    let Done::Target(target) = desk.write(Wish::CreateTarget { target: Box::new(target) }).await? else {
        return Err(IdentityError::Absent("MCP server"));
    };
    desk.is_about(&target.id);
    let mut shown = show::target(&target);
    shown["introspectionSecret"] = secret.expose().into();
    let message = "The MCP server was created. The secret it introspects with is not shown again.";
    Ok(data(201, &shown, Some(message)).header("etag", &tag(target.version)))
}

/// Puts what is said in place of what was; id and secret stay.
pub(super) async fn replace(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let target = edit(desk, name, |target| read_into(desk, target)).await?;
    let reply = data(200, &show::target(&target), Some("The MCP server was changed."));
    Ok(reply.header("etag", &tag(target.version)))
}

pub(super) async fn remove(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let target = find(desk, name)?;
    desk.expects(target.version)?;
    let id = target.id.clone();
    desk.write(Wish::RemoveTarget { id: id.clone() }).await?;
    Ok(data(200, &json!({ "id": id }), Some("The MCP server was removed; no more tokens are made for it.")))
}

/// Gives the target another secret to introspect with; the one before is void at once.
pub(super) async fn rotate(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let secret = random_secret(desk.app, "mis_");
    let target = edit(desk, name, |target| {
        target.introspection_hash = hashed(secret.expose());
        Ok(())
    })
    .await?;
    let shown = json!({"id": target.id, "introspectionSecret": secret.expose()});
    Ok(data(200, &shown, Some("The MCP server has a new secret. It is not shown again.")))
}

async fn edit(
    desk: &Desk<'_>,
    name: &str,
    change: impl Fn(&mut McpTarget) -> Result<(), IdentityError>,
) -> Result<Arc<McpTarget>, IdentityError> {
    for _ in 0..TRIES {
        let target = find(desk, name)?;
        desk.expects(target.version)?;
        let mut changed = McpTarget::clone(&target);
        change(&mut changed)?;
        changed.updated_at = desk.app.now();
        let wish = Wish::ReplaceTarget { target: Box::new(changed), version: target.version };
        match desk.write(wish).await {
            Ok(Done::Target(target)) => return Ok(target),
            Ok(Done::Agent(_) | Done::Usage(_) | Done::Nothing) => {}
            Err(fault) if came_second(&fault) => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(IdentityError::Busy)
}

fn read_into(desk: &Desk<'_>, target: &mut McpTarget) -> Result<(), IdentityError> {
    let mut fields = Fields::read(desk.asked)?.snake();
    target.name = fields.required_text("name", 256).unwrap_or_default();
    // A slug that it has, stays: addresses say it.
    let slug = if target.slug.is_empty() { slug_of(&target.name) } else { target.slug.clone() };
    target.slug = fields.text("slug", 64).unwrap_or(slug);
    if !is_slug(&target.slug) {
        fields.fault("slug", "must be 1 to 64 of a-z, 0-9 and '-', and begin and end with a letter or digit");
    }
    target.resource_uri = fields.required_text("resource_uri", 2048).unwrap_or_default();
    if let Err(fault) = resource_uri(&target.resource_uri)
        && !target.resource_uri.is_empty()
    {
        fields.fault("resource_uri", fault);
    }
    target.aliases = fields.words("aliases", alias).unwrap_or_default();
    if target.aliases.contains(&target.resource_uri) {
        fields.fault("aliases", "resource_uri is a name already: leave it out here");
    }
    target.required_capability = fields.text("required_capability", 128);
    if let Some(Err(fault)) = target.required_capability.as_deref().map(check_capability) {
        fields.fault("required_capability", fault.to_string());
    }
    let scope = |word: &str| check_capability(word).map_err(|fault| fault.to_string());
    target.scopes_supported = fields.words("scopes_supported", scope).unwrap_or_default();
    target.token_lifetime = fields.whole("token_lifetime", u64::MAX).unwrap_or(USUAL_LIFE);
    if !LIVES.contains(&target.token_lifetime) {
        fields.fault("token_lifetime", format!("must be {} to {} seconds", LIVES.start(), LIVES.end()));
    }
    fields.done()
}

/// RFC 9728 section 1.2 and RFC 8707 section 2: an absolute http(s) URL without a fragment.
fn resource_uri(text: &str) -> Result<(), &'static str> {
    let printable = text.chars().all(|c| c.is_ascii_graphic());
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        Some(url) if printable && url.fragment().is_none() && bare(&url) => Ok(()),
        Some(_) | None => {
            Err("must be the server's http(s) URL, without fragment or user; other names are aliases")
        }
    }
}

/// Whether it says nothing of a user: what stands in tokens is read by many.
fn bare(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// Any name in one piece, such as `urn:mcp:financial-data`.
fn alias(text: &str) -> Result<(), String> {
    let good = !text.is_empty() && text.len() <= 2048 && text.chars().all(|c| c.is_ascii_graphic());
    // Ids are given out here: an alias must not look like one that is still to come.
    if good && !text.starts_with("mcp_") {
        Ok(())
    } else {
        Err("must be printable ASCII without spaces, and not begin with mcp_".to_owned())
    }
}
