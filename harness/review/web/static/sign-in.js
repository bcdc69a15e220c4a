// The address that the server printed ends in #TOKEN, which browsers send nowhere: it is put into the form.
const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname);
  document.getElementById("token").value = token;
  document.getElementById("sign-in").submit();
} else {
  // Links from other sites come without the cookie (SameSite=Strict). This page's own requests have it.
  fetch("/api/progress").then((answer) => answer.ok && location.replace("/"), () => {});
}
