//! Which pages may read what nginx answers itself. A service's answer has CORS headers of its own.

use std::fmt::Write as _;

use shared_config::limits::METHODS;

/// The variables that [`HEADERS`] are made of. Headers whose value is empty are not sent.
const MAPS: &str = r#"
    # Who may read a failure of nginx itself; services answer for themselves.
    map $http_origin $listed_origin {
        default "";
@ORIGINS@    }
    # Pages with a widget have origins that only channel knows. These documents have no secret.
    map $request_uri $widget_origin {
        default "";
        "~^/channels/(v[0-9]+/)?widget/" "*";
    }
    map $listed_origin $page_origin {
        default $listed_origin;
        "" $widget_origin;
    }
    # Refused before all headers were read: the origin may be unknown, and the document is the same
    # for every caller.
    map "$status:$http_origin" $unread_origin {
        default "";
        "~^(400|414|431|505):$" "*";
    }
    map $page_origin $reader {
        default $page_origin;
        "" $unread_origin;
    }
    map $own_failure $cors_origin {
        default "";
        1 $reader;
    }
    map $cors_origin $cors_exposed {
        default "Retry-After, X-Request-Id";
        "" "";
    }
    map $own_failure $own_vary {
        default "";
        1 Origin;
    }
    map $own_failure $own_caching {
        default "";
        1 no-store;
    }
    # A browser reports a refused preflight without its status. An admitted one lets the page make
    # its request and read why that is refused.
    map "$own_failure:$method:$http_access_control_request_method:$page_origin" $is_preflight {
        default "";
        "~^1:OPTIONS:[A-Z]+:." 1;
    }
    map $is_preflight $preflight_methods {
        default "";
        1 "@METHODS@";
    }
    map $is_preflight $preflight_headers {
        default "";
        1 $http_access_control_request_headers;
    }
"#;

/// The headers of a failure of nginx itself; for every other response they are empty.
pub(super) const HEADERS: &str = "
        add_header Access-Control-Allow-Origin $cors_origin always;
        add_header Access-Control-Expose-Headers $cors_exposed always;
        add_header Access-Control-Allow-Methods $preflight_methods always;
        add_header Access-Control-Allow-Headers $preflight_headers always;
        add_header Vary $own_vary always;
        add_header Cache-Control $own_caching always;
";

/// The maps, for pages of these origins.
pub(super) fn maps(origins: &[String]) -> String {
    let lines = origins.iter().fold(String::new(), |mut lines, origin| {
        // As listed, and not as sent: nginx compares without regard to case, a browser does not.
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "        \"{origin}\" \"{origin}\";");
        lines
    });
    MAPS.replace("@ORIGINS@", &lines)
        .replace("@METHODS@", &METHODS.join(", "))
}
