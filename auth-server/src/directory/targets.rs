//! MCP servers that tokens are made for.

use std::sync::Arc;

use access::check_capability;
use serde_json::json;
use store::directory::{McpTarget, Wish};
use url::Url;

use super::draft::{check_slug, slug_of};
use super::key::hashed;
use super::page::Page;
use super::{Desk, data, random_secret, show, tag};
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
    let target = desk.target(Wish::CreateTarget { target: Box::new(target) }).await?;
    desk.is_about(&target.id);
    let mut shown = show::target(&target);
    shown["introspectionSecret"] = secret.expose().into();
    let message = "The MCP server was created. The secret it introspects with is not shown again.";
    Ok(data(201, &shown, Some(message)).header("etag", &tag(target.version)))
}

/// Puts what is said in place of what was; id and secret stay.
pub(super) async fn replace(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let old = find(desk, name)?;
    let mut described = McpTarget::clone(&old);
    read_into(desk, &mut described)?;
    let described = Some(Box::new(described));
    let (id, version) = (old.id.clone(), desk.expects(old.version)?);
    let wish = Wish::AmendTarget { id, version, described, introspection_hash: None };
    let target = desk.target(wish).await?;
    let reply = data(200, &show::target(&target), Some("The MCP server was changed."));
    Ok(reply.header("etag", &tag(target.version)))
}

pub(super) async fn remove(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let target = find(desk, name)?;
    let (id, version) = (target.id.clone(), desk.expects(target.version)?);
    desk.write(Wish::RemoveTarget { id: id.clone(), version }).await?;
    Ok(data(200, &json!({ "id": id }), Some("The MCP server was removed; no more tokens are made for it.")))
}

/// Gives the target another secret to introspect with; the one before is void at once.
pub(super) async fn rotate(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    let secret = random_secret(desk.app, "mis_");
    let old = find(desk, name)?;
    let (id, version) = (old.id.clone(), desk.expects(old.version)?);
    let introspection_hash = Some(hashed(secret.expose()));
    let target = desk.target(Wish::AmendTarget { id, version, described: None, introspection_hash }).await?;
    let shown = json!({"id": target.id, "introspectionSecret": secret.expose()});
    Ok(data(200, &shown, Some("The MCP server has a new secret. It is not shown again.")))
}

fn read_into(desk: &Desk<'_>, target: &mut McpTarget) -> Result<(), IdentityError> {
    let mut fields = Fields::read(desk.asked)?.snake();
    target.name = fields.required_line("name", 256).unwrap_or_default();
    let slug = fields.line("slug", 64);
    let chosen = slug.is_some();
    // A slug that it has, stays: addresses say it.
    let own = if target.slug.is_empty() { slug_of(&target.name) } else { target.slug.clone() };
    target.slug = slug.unwrap_or(own);
    check_slug(&mut fields, &target.slug, chosen, &target.name);
    target.resource_uri = fields.required_line("resource_uri", 2048).unwrap_or_default();
    if let Err(fault) = resource_uri(&target.resource_uri)
        && !target.resource_uri.is_empty()
    {
        fields.fault("resource_uri", fault);
    }
    target.aliases = fields.words("aliases", alias).unwrap_or_default();
    if target.aliases.contains(&target.resource_uri) {
        fields.fault("aliases", "resource_uri is a name already: leave it out here");
    }
    target.required_capability = fields.line("required_capability", 128);
    if let Some(Err(fault)) = target.required_capability.as_deref().map(check_capability) {
        fields.fault("required_capability", fault.to_string());
    }
    target.scopes_supported = fields.capabilities("scopes_supported").unwrap_or_default();
    // A token for such a name would be one for us, which opens everything that the agent may.
    for (field, name) in [("resource_uri", &target.resource_uri)]
        .into_iter()
        .chain(target.aliases.iter().map(|alias| ("aliases", alias)))
    {
        if desk.issuer.is_own_name(name) {
            fields.fault(field, "is the issuer's own name");
        }
    }
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
