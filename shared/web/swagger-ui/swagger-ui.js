// Not kept: the page of the documents loads swagger-ui-bundle.js.
