-- Writes the pose of the client's own player to the log, once a frame: position, velocity, yaw, pitch, on the ground.
-- It writes to the log because text that a client mod prints would show in the picture.
local frame = 0
minetest.register_globalstep(function(seconds)
	local player, camera = minetest.localplayer, minetest.camera
	if not player or not camera then return end
	local position, velocity = player:get_pos(), player:get_velocity()
	frame = frame + 1
	minetest.log("action", string.format("MCPROXY %d %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %.9g %d", frame, seconds,
		position.x, position.y, position.z, velocity.x, velocity.y, velocity.z,
		camera:get_look_horizontal(), camera:get_look_vertical(), player:is_touching_ground() and 1 or 0))
end)
