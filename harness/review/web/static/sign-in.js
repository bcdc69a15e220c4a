// The address that the server printed ends in #TOKEN, which browsers send nowhere: it is put into the form. Pasted into a
// tab that is here already, it changes nothing but what is behind the #, and no page is loaded.
function takeToken() {
  const token = location.hash.slice(1);
  if (!token) return false;
  history.replaceState(null, "", location.pathname);
  document.getElementById("token").value = token;
  document.getElementById("sign-in").submit();
  return true;
}

addEventListener("hashchange", takeToken);
if (!takeToken()) {
  // Whoever is signed in already needs no form.
  fetch("/api/progress").then((answer) => answer.ok && location.replace("/"), () => {});
}
